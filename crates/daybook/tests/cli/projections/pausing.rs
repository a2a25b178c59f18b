//! A paused projector: what is said of it, and what leaves its read model as it is.

use serde_json::json;

use super::site::Site;
use crate::process::folder;

#[tokio::test]
async fn a_paused_read_model_is_neither_rebuilt_nor_filled() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let pause = ["pause", "catalog", "--reason", "a walk"];
    assert_eq!(site.projections(&pause).await.0, Some(0));
    let (status, printed, told) = site.projections(&["pause", "catalog"]).await;
    assert_eq!((status, &*told), (Some(0), ""));
    assert!(
        printed.starts_with("catalog is paused already, at position "),
        "{printed}"
    );
    let (_, shown, _) = site.projections(&["status"]).await;
    assert!(shown.contains("\ncatalog was paused by cli:"), "{shown}");
    assert!(shown.contains(" UTC: a walk\n"), "{shown}");
    let status = site.json(&["status"]).await;
    assert_eq!(status[0]["paused"]["reason"], "a walk");
    assert_eq!(status[1]["paused"], json!(null));

    let line = site.refused(&["rebuild", "catalog"]).await;
    assert!(
        line.contains("catalog is paused, and stays as it is until it is resumed: resume it first"),
        "{line}"
    );
    assert_eq!(site.projections(&["verify", "catalog"]).await.0, Some(0));
    let (_, printed, _) = site.projections(&["reset", "catalog", "--yes"]).await;
    assert!(
        printed.contains("stays empty, because its projector is paused"),
        "{printed}"
    );
    let status = site.json(&["status"]).await;
    assert_eq!(
        (&status[0]["state"], &status[0]["position"]),
        (&json!("paused"), &json!(0))
    );

    let (_, printed, _) = site.projections(&["resume", "catalog"]).await;
    assert!(printed.starts_with("catalog goes on, at "), "{printed}");
    let (status, printed, _) = site.projections(&["resume", "catalog"]).await;
    assert_eq!(status, Some(0));
    assert!(
        printed.starts_with("catalog goes on already, at "),
        "{printed}"
    );
    let (_, printed, _) = site.projections(&["reset", "catalog", "--yes"]).await;
    assert!(
        printed.contains("is filled again from the first event"),
        "{printed}"
    );
    let (_, table, _) = site.projections(&["actions", "catalog"]).await;
    assert!(table.lines().next().unwrap().contains("REASON"), "{table}");
    assert!(table.lines().last().unwrap().contains("a walk"), "{table}");
    assert!(!table.contains('{'), "words, not JSON: {table}");
    assert!(site.server.stop().await.success());
}
