//! Actions that take effect at once, and the messages about mistakes.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::site::Site;
use crate::process::place::Place;
use crate::process::{failure, folder};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn projectors_are_held_let_go_and_made_to_begin_anew() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let (status, printed, told) = site
        .projections(&["pause", "catalog", "--reason", "a walk"])
        .await;
    assert_eq!((status, &*told), (Some(0), ""));
    assert!(
        printed.starts_with("catalog is paused, at position "),
        "{printed}"
    );
    let (_, table, _) = site.projections(&["status"]).await;
    assert!(table.contains("paused"), "{table}");
    assert_eq!(site.json(&["resume", "catalog"]).await["state"], "live");

    let line = site.refused(&["reset", "catalog"]).await;
    assert!(line.contains("--yes") && line.contains("rebuild"), "{line}");
    let reset = site.json(&["reset", "catalog", "--yes"]).await;
    assert_eq!(reset["name"], "catalog");
    let made = site.create("/categories", json!({ "name": "Cocoa" })).await;
    let status = site.json(&["status"]).await;
    assert_eq!(
        (&status[0]["position"], &status[0]["lagEvents"]),
        (&json!(made), &json!(0))
    );

    let actions = site.json(&["actions", "catalog"]).await;
    let done: Vec<_> = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["action"])
        .collect();
    assert_eq!(done, ["reset", "resume", "pause"]);
    assert_eq!(actions[2]["detail"]["reason"], "a walk");
    assert!(
        actions[2]["actor"].as_str().unwrap().starts_with("cli:"),
        "{actions}"
    );
    let (_, table, _) = site.projections(&["actions", "--limit", "1"]).await;
    assert!(
        table.ends_with("1 of 3; see --page and --limit.\n"),
        "{table}"
    );
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn mistakes_are_told_with_what_would_be_right() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    for (arguments, told) in [
        (&["rebuild"][..], "<NAME|--all>"),
        (&["rebuild", "catalog", "--all"], "--all"),
        (
            &[
                "rebuild", "catalog", "orders", "--as-of", "1", "--into", "x",
            ],
            "one projection at a time",
        ),
        (&["rebuild", "catalog", "--as-of", "1"], "--into"),
        (
            &["verify", "books"],
            "there is no projection \"books\", but catalog, orders, users, analytics",
        ),
        (&["skip", "catalog", "--position", "1"], "--reason"),
        (
            &["skip", "catalog", "--position", "1", "--reason", ""],
            "one line of 1 to 500 characters",
        ),
        (
            &["skip", "catalog", "--position", "1", "--reason", "x"],
            "catalog is live, not halted",
        ),
        (&["status", "--watch=0"], "0.1 to 3600"),
        (&["actions", "--limit", "0"], "0 is not in"),
        (&["actions", "--page", "0"], "a whole number from 1"),
        (
            &["skip", "catalog", "--position", "x", "--reason", "x"],
            "a whole number from 1",
        ),
        (&["dead-letters"], "<NAME>"),
    ] {
        let line = failure(&mut place.daybook(&[&["projections"], arguments].concat())).await;
        assert!(line.contains(told), "{arguments:?}: {line}");
    }
}

#[tokio::test]
async fn an_event_that_nobody_can_decode_is_skipped() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let poison: i64 = sqlx::query_scalar(
        "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
             metadata, position, event_id, occurred_at, recorded_at)
         select 'category', gen_random_uuid()::text, 1, 'category.teleported', '1', '{}', e.metadata,
             e.position + 1, gen_random_uuid(), now(), now()
         from log.events e order by e.position desc limit 1
         returning position",
    )
    .fetch_one(&site.place.pool())
    .await
    .unwrap();
    let halting = async { while site.json(&["status"]).await[0]["state"] != "halted" {} };
    timeout(LONG, halting).await.expect("the catalog halts");
    let (_, shown, _) = site.projections(&["status"]).await;
    assert!(
        shown.contains(&format!(
            "catalog cannot get past the event at position {poison}, category.teleported of category/"
        )),
        "{shown}"
    );
    let line = site
        .refused(&["skip", "catalog", "--position", "1", "--reason", "x"])
        .await;
    assert!(
        line.contains(&format!("catalog is halted at position {poison}, not at 1")),
        "{line}"
    );
    let position = poison.to_string();
    let skip = [
        "skip",
        "catalog",
        "--position",
        &position,
        "--reason",
        "nobody teleports",
    ];
    assert_eq!(site.json(&skip).await["deadLetters"], 1);
    site.create("/categories", json!({ "name": "Cocoa" })).await;
    let letters = site.json(&["dead-letters", "catalog"]).await;
    assert_eq!(
        (&letters[0]["position"], &letters[0]["reason"]),
        (&json!(poison), &json!("nobody teleports"))
    );
    let (_, table, _) = site.projections(&["dead-letters", "catalog"]).await;
    assert!(table.contains("category.teleported"), "{table}");
    assert_eq!(site.projections(&["verify", "catalog"]).await.0, Some(0));
    assert!(site.server.stop().await.success());
}
