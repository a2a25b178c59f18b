use serde_json::Value;
use sqlx::query_as;

use crate::process::place::Place;
use crate::process::{Server, failure, folder, run};

async fn told(place: &Place<'_>, arguments: &[&str]) -> (String, String) {
    let output = run(&mut place.daybook(&[&["audit"], arguments].concat())).await;
    assert!(output.status.success(), "{output:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

async fn entries(place: &Place<'_>, arguments: &[&str]) -> Vec<Value> {
    let (lines, _) = told(place, &[arguments, &["--json"]].concat()).await;
    let entry = |line| serde_json::from_str(line).unwrap();
    lines.lines().map(entry).collect()
}

#[tokio::test]
async fn a_trail_is_printed_in_words_and_as_json() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let (id, events): (String, i64) = query_as(
        "select aggregate_id, count(*) from log.events where aggregate_type = 'order'
         group by aggregate_id having bool_or(event_type = 'order.shipped') order by 1 limit 1",
    )
    .fetch_one(&place.pool())
    .await
    .unwrap();
    let (words, _) = told(&place, &["trail", "order", &id]).await;
    let entries = entries(&place, &["trail", "order", &id]).await;
    assert_eq!(entries.len() as i64, events);
    assert_eq!(words.lines().count() as i64, events);
    for (line, entry) in words.lines().zip(&entries) {
        let ends_with = |field: &str| line.ends_with(entry[field].as_str().unwrap());
        assert!(ends_with("sentence"), "{line}");
        assert!(line.contains(entry["actor"].as_str().unwrap()), "{line}");
        assert_eq!(entry["stream"], format!("order/{id}"));
    }
    assert!(words.contains("taken into processing"), "{words}");
    assert!(!words.contains("(erased)"), "{words}");

    let position = entries[0]["position"].to_string();
    let (shown, _) = told(&place, &["show", &position]).await;
    let sentence = entries[0]["sentence"].as_str().unwrap();
    for line in [
        format!("position     {position}"),
        format!("stream       order/{id}, event 1"),
        "type         order.placed".to_owned(),
        format!("what         {sentence}"),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let (shown, _) = told(&place, &["show", &position, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), entries[0]);

    let nobody = "00000000-0000-0000-0000-000000000000";
    for (arguments, what) in [
        (&["trail", "order", nobody][..], "has no events"),
        (&["trail", "person", nobody], "TYPE"),
        (&["show", "999999999"], "no event at position 999999999"),
        (&["show", "0"], "POSITION"),
        (
            &["search", "--type", "order.eaten"],
            "no events of this type",
        ),
        (
            &["search", "--type", "order.place"],
            "perhaps order.placed was meant",
        ),
        (&["search", "--actor", "root"], "--actor"),
        (&["search", "--limit", "0"], "a whole number from 1"),
        (&["search", "--correlation", "x"], "expected an id"),
        (&["trail", "order", "x"], "expected an id"),
        (&["search", "--from", "2026-13-01"], "or a date"),
        (
            &["search", "--from", "2026-02-01", "--to", "2026-01-01"],
            "--to comes before --from",
        ),
        (
            &["search", "--from-position", "30", "--to-position", "10"],
            "--to-position comes before --from-position",
        ),
    ] {
        let line = failure(&mut place.daybook(&[&["audit"], arguments].concat())).await;
        assert!(line.contains(what), "{line}");
    }
}

#[tokio::test]
async fn a_search_says_how_far_it_has_seen() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let (found, warned) = told(&place, &["search", "--type", "order.placed"]).await;
    assert_eq!(found, "", "nobody has projected yet");
    let head = place.head().await;
    assert!(warned.contains(&format!("{head} events")), "{warned}");

    let server = Server::start_command(&mut place.daybook(&["serve"])).await;
    place.read_models().await;
    let (found, warned) = told(&place, &["search", "--type", "order.placed"]).await;
    assert_eq!(warned, "");
    let placed = entries(&place, &["search", "--type", "order.placed"]).await;
    assert_eq!(found.lines().count(), placed.len());
    let (expected,): (i64,) =
        query_as("select count(*) from log.events where event_type = 'order.placed'")
            .fetch_one(&place.pool())
            .await
            .unwrap();
    assert_eq!(placed.len() as i64, expected);

    let by_date = ["search", "--type", "order.placed", "--from", "2020-01-01"];
    assert_eq!(entries(&place, &by_date).await, placed);
    let long_ago = ["search", "--to", "2020-01-01"];
    assert_eq!(entries(&place, &long_ago).await, Vec::<Value>::new());

    let position = |entry: &Value| entry["position"].as_i64().unwrap();
    let newest = placed.iter().map(position).max().unwrap();
    assert_eq!(position(&placed[0]), newest);
    let oldest = entries(
        &place,
        &[
            "search",
            "--type",
            "order.placed",
            "--order",
            "asc",
            "--limit",
            "1",
        ],
    )
    .await;
    assert_eq!(oldest, placed[placed.len() - 1..]);
    let correlation = placed[0]["correlationId"].as_str().unwrap();
    let together = entries(&place, &["search", "--correlation", correlation]).await;
    assert!(
        together
            .iter()
            .all(|entry| entry["correlationId"] == correlation)
    );
    assert!(together.contains(&placed[0]) && together.len() > 1);
    let actor = placed[0]["actor"].as_str().unwrap();
    let by = entries(
        &place,
        &["search", "--actor", actor, "--stream-type", "order"],
    )
    .await;
    assert!(by.contains(&placed[0]));
    assert!(server.stop().await.success());
}
