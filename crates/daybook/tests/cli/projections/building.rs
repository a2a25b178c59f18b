//! Commands that build or switch read models.

use serde_json::json;

use super::site::Site;
use crate::process::folder;

#[tokio::test]
async fn read_models_are_verified_rebuilt_and_rolled_back() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let (status, printed, told) = site.projections(&["verify", "--all"]).await;
    assert_eq!(
        (status, printed.lines().count()),
        (Some(0), 5),
        "{printed}{told}"
    );
    assert!(
        printed.starts_with("catalog: identical, 2 rows, sha256 "),
        "{printed}"
    );
    assert!(told.contains("catalog: position "), "plain lines: {told}");
    assert!(!told.contains('\u{1b}'), "no bars: {told}");
    let built = site.json(&["rebuild", "catalog", "users"]).await;
    assert_eq!(
        (&built[0]["name"], &built[1]["name"]),
        (&json!("catalog"), &json!("users"))
    );
    assert_eq!(built[0]["switched"], true);

    // Somebody tampers with the rows.
    let meddle = "update catalog.categories set description = 'pirated' where name = 'Tea'";
    sqlx::query(meddle)
        .execute(&site.place.pool())
        .await
        .unwrap();
    let (status, printed, told) = site.projections(&["verify", "catalog"]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("1 of 2 rows differ"), "{printed}");
    assert!(printed.contains("categories {\"id\":"), "{printed}");
    assert!(printed.contains("pirated"), "{printed}");
    let last = told.lines().last().unwrap();
    assert!(
        last.starts_with("daybook: the rows of catalog are not what their events make: "),
        "{told}"
    );
    let (status, ..) = site
        .projections(&["rebuild", "catalog", "--dry-run", "--json"])
        .await;
    assert_eq!(status, Some(1));
    let (status, printed, _) = site.projections(&["rebuild", "catalog"]).await;
    assert_eq!(status, Some(0), "the log is right");
    assert!(
        printed.contains("1 of 2 rows differ") && printed.contains("switched in at position"),
        "{printed}"
    );
    assert_eq!(site.projections(&["verify", "catalog"]).await.0, Some(0));

    let (status, printed, _) = site.projections(&["rollback", "catalog"]).await;
    assert_eq!(
        (status, printed.starts_with("catalog: switched back")),
        (Some(0), true)
    );
    assert!(
        site.place
            .rows("catalog.categories")
            .await
            .concat()
            .contains("pirated")
    );
    let line = site.projections(&["rollback", "orders"]).await.2;
    assert!(line.contains("there is no version to go back to"), "{line}");
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn a_read_model_as_it_was_lies_beside_todays() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let before = site.place.head().await;
    site.create("/categories", json!({ "name": "Cocoa" })).await;
    let (of_then, as_of) = (format!("{before}"), ["rebuild", "catalog", "--as-of"]);
    let then = |into: &'static str| [&as_of[..], &[&*of_then, "--into", into]].concat();
    let (status, printed, told) = site.projections(&then("catalog_then")).await;
    assert_eq!(status, Some(0), "{told}");
    assert!(
        printed.contains("select * from catalog_then.categories;"),
        "{printed}"
    );
    let rows = site.place.rows("catalog_then.categories").await;
    assert_eq!(
        (
            rows.len(),
            site.place.rows("catalog.categories").await.len()
        ),
        (2, 3)
    );
    let told = site.projections(&then("catalog_then")).await.2;
    assert!(
        told.contains("exists already: choose another with --into"),
        "{told}"
    );

    let long_ago = [&as_of[..], &["2020-01-01", "--into", "catalog_before"]].concat();
    assert_eq!(site.json(&long_ago).await["built"]["position"], 0);
    assert!(
        site.place
            .rows("catalog_before.categories")
            .await
            .is_empty()
    );
    for (value, into, told) in [
        ("2099-01-01T00:00:00Z", "later", "is yet to come"),
        ("99999", "later", "the log ends at position"),
        ("yesterday", "later", "expected a position, a date"),
        ("-1", "later", "a position is 0 or more"),
        ("1", "catalog", "is where catalog is built"),
        ("1", "log", "cannot be the schema of a read model"),
        ("1", "Later!", "cannot be the schema of a read model"),
    ] {
        let value = format!("--as-of={value}");
        let line = site
            .projections(&["rebuild", "catalog", &value, "--into", into])
            .await
            .2;
        assert!(line.contains(told), "{value} {into}: {line}");
    }
    assert!(site.server.stop().await.success());
}
