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

    for (value, into, told) in [
        (
            "2020-01-01",
            "before",
            "before the first event was recorded, at 20",
        ),
        ("0", "before", "before the first event was recorded, at 20"),
        ("2099-01-01T00:00:00Z", "later", "is yet to come"),
        ("99999", "later", "the log has got no further than position"),
        ("yesterday", "later", "expected a position of the log"),
        ("-1", "later", "expected a position of the log"),
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

#[tokio::test]
async fn an_instant_means_the_same_for_a_rebuild_as_for_a_query() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    // PostgreSQL counts microseconds, answers show milliseconds.
    let (position, shown, before): (i64, String, String) = sqlx::query_as(
        "with event as (
             select position, date_trunc('milliseconds', recorded_at) as shown from log.events
             where recorded_at > date_trunc('milliseconds', recorded_at) order by position desc limit 1
         ), instants as (select shown as at, shown - interval '1 ms' as before from event)
         select (select max(position) from log.events where date_trunc('milliseconds', recorded_at) <= at),
             to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
             to_char(before at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
         from instants",
    )
    .fetch_one(&site.place.pool())
    .await
    .unwrap();
    let as_of = async |moment: &str, into: &str| {
        let arguments = ["rebuild", "catalog", "--as-of", moment, "--into", into];
        site.json(&arguments).await["built"]["position"].clone()
    };
    assert_eq!(as_of(&shown, "catalog_shown").await, json!(position));
    let earlier = as_of(&before, "catalog_before").await;
    assert!(earlier.as_i64().unwrap() < position, "{before}: {earlier}");
    // Between two clocks, what is ahead by less than a few seconds is now.
    let soon: String = sqlx::query_scalar(
        "select to_char((now() + interval '2 s') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    )
    .fetch_one(&site.place.pool())
    .await
    .unwrap();
    let head = site.place.head().await;
    assert_eq!(as_of(&soon, "catalog_soon").await, json!(head));
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn a_moment_that_is_yet_to_come_is_refused_with_what_would_be_right() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let beyond = (site.place.head().await + 1).to_string();
    for (moment, told) in [
        (
            &*beyond,
            format!(
                "the log has got no further than position {}: give a position up to that one",
                site.place.head().await
            ),
        ),
        (
            "2099-01-01T00:00:00Z",
            "that instant is yet to come: give an instant that has passed, or a position"
                .to_owned(),
        ),
        (
            "2099-01-01",
            "that instant is yet to come: give an instant that has passed, or a position"
                .to_owned(),
        ),
    ] {
        let line = site
            .refused(&["rebuild", "catalog", "--as-of", moment, "--into", "later"])
            .await;
        assert_eq!(line, format!("daybook: --as-of cannot be answered: {told}"));
    }
    assert!(site.server.stop().await.success());
}
