//! Printing events: `replay`.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use sqlx::{query_as, query_scalar};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::process::place::Place;
use crate::process::{failure, folder, run};

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn replay_prints_what_it_is_asked_for() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let head = place.head().await;
    let replay = async |arguments: &[&str]| {
        let mut command = place.daybook(&["replay"]);
        lines(&run(command.args(arguments)).await)
    };
    let all = replay(&[]).await;
    let positions: Vec<i64> = all
        .iter()
        .map(|event| event["position"].as_i64().unwrap())
        .collect();
    assert_eq!(positions, Vec::from_iter(1..=head));

    let part = replay(&["--from", "10", "--to", "19"]).await;
    assert_eq!(part, all[9..19]);
    assert_eq!(
        replay(&["--from", &(head + 1).to_string()]).await,
        Vec::<Value>::new()
    );

    let of_types = |types: &[&str]| -> Vec<Value> {
        let wanted = all
            .iter()
            .filter(|event| types.contains(&event["type"].as_str().unwrap()));
        wanted.cloned().collect()
    };
    let placed = replay(&["--type", "order.placed"]).await;
    assert_eq!((placed.len(), &placed), (50, &of_types(&["order.placed"])));
    let two = replay(&[
        "--type",
        "order.placed",
        "--type",
        "order.shipped",
        "--from",
        "300",
    ])
    .await;
    let expected = of_types(&["order.placed", "order.shipped"]);
    assert_eq!(
        two,
        Vec::from_iter(
            expected
                .into_iter()
                .filter(|event| event["position"].as_i64() >= Some(300))
        )
    );

    let stream = of_types(&["order.shipped"])[0]["stream"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_stream = replay(&["--stream", &stream]).await;
    let expected: Vec<Value> = all
        .iter()
        .filter(|event| event["stream"] == stream.as_str())
        .cloned()
        .collect();
    assert_eq!(of_stream, expected);
    assert!(expected.len() > 2);
    let last = expected.last().unwrap()["position"].to_string();
    assert_eq!(
        replay(&["--stream", &stream, "--from", &last]).await,
        expected[expected.len() - 1..]
    );
    for (arguments, told) in [
        (&["--stream", "order-7"][..], "expected a type and an id"),
        (&["--from", "30", "--to", "20"], "--to comes before --from"),
        (&["--from", "0"], "expected a whole number from 1"),
        (
            &["--type", "order.place"],
            "the type order.place was found, and this Daybook knows none; perhaps order.placed was meant",
        ),
    ] {
        let line = failure(place.daybook(&["replay"]).args(arguments)).await;
        assert!(line.contains(told), "{arguments:?}: {line}");
    }

    let stored: (String, String) =
        query_as("select payload::text, metadata::text from log.events where position = 1")
            .fetch_one(&place.pool())
            .await
            .unwrap();
    let printed = run(place.daybook(&["replay"]).args(["--to", "1"])).await;
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(
        printed.contains(&stored.0) && printed.contains(&stored.1),
        "as stored: {printed}"
    );
}

#[tokio::test]
async fn replay_opens_personal_data_only_when_asked() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let asked = ["replay", "--type", "user.registered"];
    let email = "ada.lindqvist@example.com";
    let sealed = run(&mut place.daybook(&asked)).await;
    let text = String::from_utf8(sealed.stdout).unwrap();
    assert!(text.contains("$sealed") && !text.contains(email), "{text}");
    let elsewhere = self::folder();
    let mut without_key = place.daybook(&asked);
    let line = failure(
        without_key
            .arg("--personal")
            .env("DAYBOOK_DATA", elsewhere.path()),
    )
    .await;
    assert!(line.contains("master.key"), "{line}");
    assert_eq!(
        elsewhere.path().read_dir().unwrap().count(),
        0,
        "no key is made"
    );
    let opened = run(place.daybook(&asked).arg("--personal")).await;
    let text = String::from_utf8(opened.stdout).unwrap();
    assert!(!text.contains("$sealed") && text.contains(email), "{text}");

    let person: String =
        query_scalar("select person_id::text from log.person_keys order by created_at limit 1")
            .fetch_one(&place.pool())
            .await
            .unwrap();
    sqlx::query("delete from log.person_keys where person_id::text = $1")
        .bind(&person)
        .execute(&place.pool())
        .await
        .unwrap();
    let erased = lines(&run(place.daybook(&asked).arg("--personal")).await);
    let theirs = erased
        .iter()
        .find(|event| event["stream"] == format!("user/{person}"))
        .unwrap();
    assert_eq!(
        theirs["data"]["email"],
        json!({"$erased": true}),
        "{theirs}"
    );
}

#[tokio::test]
async fn replay_ends_quietly_when_nobody_reads_on() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let mut command = place.daybook(&["replay"]);
    let mut replay = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::with_capacity(64, replay.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).await.unwrap();
    assert!(first.contains("\"position\":1,"), "{first}");
    drop(out);
    let mut told = String::new();
    replay
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .await
        .unwrap();
    assert!(replay.wait().await.unwrap().success());
    assert_eq!(told, "");
}
