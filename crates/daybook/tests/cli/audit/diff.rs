use serde_json::Value;
use sqlx::query_as;

use crate::process::place::Place;
use crate::process::{failure, folder, run};

#[tokio::test]
async fn what_changed_is_printed_in_words_and_as_json() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let (id, placed, shipped): (String, i64, i64) = query_as(
        "select s.aggregate_id, p.position, s.position from log.events s
         join log.events p on p.aggregate_id = s.aggregate_id and p.event_type = 'order.placed'
         where s.event_type = 'order.shipped' order by s.position limit 1",
    )
    .fetch_one(&place.pool())
    .await
    .unwrap();
    let diff = |arguments: &[&str]| {
        let mut command = place.daybook(&["audit", "diff", "order", &id]);
        command.args(arguments);
        command
    };
    let window = ["--from", &placed.to_string(), "--to", &shipped.to_string()];
    let told = run(&mut diff(&window)).await;
    assert!(told.status.success(), "{told:?}");
    let words = String::from_utf8(told.stdout).unwrap();
    let line = words.lines().find(|line| line.starts_with("/status "));
    let line = line.unwrap_or_else(|| panic!("{words}"));
    assert!(line.ends_with(r#""pending" → "shipped""#), "{line}");

    let told = run(diff(&window).arg("--json")).await;
    let changes: Vec<Value> = serde_json::from_slice(&told.stdout).unwrap();
    let status = changes.iter().find(|change| change["pointer"] == "/status");
    assert_eq!(status.unwrap()["after"], "shipped");
    let pointers: Vec<&str> = changes
        .iter()
        .map(|change| change["pointer"].as_str().unwrap())
        .collect();
    let in_words: Vec<&str> = words
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(in_words, pointers);
    let nothing = run(&mut diff(&[
        "--from",
        &shipped.to_string(),
        "--to",
        &shipped.to_string(),
    ]))
    .await;
    assert_eq!(nothing.stdout, b"Nothing changed.\n");

    let since = run(&mut diff(&["--from", "2020-01-01"])).await;
    assert!(since.status.success(), "a date is a moment: {since:?}");

    // Wrong arguments are reported in one line.
    let beyond = failure(&mut diff(&["--to", "999999999"])).await;
    assert!(
        beyond.contains("the log has got no further than position"),
        "{beyond}"
    );
    let reversed = failure(&mut diff(&[
        "--from",
        &shipped.to_string(),
        "--to",
        &placed.to_string(),
    ]))
    .await;
    assert!(reversed.contains("--to comes before --from"), "{reversed}");
    let unclear = failure(&mut diff(&["--from", "yesterday"])).await;
    assert!(
        unclear.contains("expected a position of the log"),
        "{unclear}"
    );
    let nobody = "00000000-0000-0000-0000-000000000000";
    let missing = failure(&mut place.daybook(&["audit", "diff", "order", nobody])).await;
    assert!(
        missing.contains("has no events: look it up with `daybook audit search`"),
        "{missing}"
    );
}
