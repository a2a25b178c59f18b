//! Which rows are imported, and which are rejected.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use sqlx::{query_as, query_scalar};
use tokio::io::AsyncWriteExt;

use super::place::{LINES, PRODUCTS, Place, TAKEN, all_reasons, orders, sample, summary};

#[tokio::test]
async fn a_file_is_taken_and_what_cannot_be_is_handed_back_with_the_reason() {
    let place = Place::new().await;
    let summary = summary(&mut orders(&place)).await;
    let figures = [
        ("linesRead", json!(LINES)),
        ("taken", json!(TAKEN)),
        ("alreadyThere", json!(0)),
        ("rejected", all_reasons()),
        ("orders", json!(91)),
        ("returns", json!(6)),
        ("products", json!(PRODUCTS)),
        ("customers", json!(27)),
        ("units", json!(2005)),
        ("revenue", json!(18080.00)),
        ("returned", json!(105)),
        ("refunded", json!(895.75)),
        ("currency", json!("DKK")),
        ("encoding", json!("UTF-8")),
        ("separator", json!(",")),
        ("decimalMark", json!("point")),
        ("dates", json!("day first")),
        (
            "made",
            json!({ "orders": 97, "products": PRODUCTS, "customers": 27 }),
        ),
    ];
    for (name, expected) in figures {
        assert_eq!(summary[name], expected, "{name} of {summary}");
    }
    assert_eq!(
        place.in_the_log().await,
        (TAKEN as i64, 2005, 1_808_000, 105, 89_575)
    );
    assert_eq!(place.count("order.imported").await, 97);
    assert_eq!(place.count("product.created").await, PRODUCTS as i64);

    let rejects = fs::read_to_string(place.rejects()).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len() as u64, 1 + LINES - TAKEN);
    assert!(lines[0].starts_with("rejected_line,rejected_reason,Invoice No,Item Code,"));
    let original = fs::read_to_string(sample("orders.csv")).unwrap();
    let original: Vec<&str> = original.lines().collect();
    for line in &lines[1..] {
        let [at, _, row] = line.splitn(3, ',').collect::<Vec<_>>()[..] else {
            panic!("no reject: {line}");
        };
        assert_eq!(row, original[at.parse::<usize>().unwrap() - 1]);
    }
}

#[tokio::test]
async fn what_a_german_program_exports_is_understood() {
    let place = Place::new().await;
    let mut command = place.import(&sample("orders-windows-1252.csv"));
    command.args([
        "--columns",
        "order=Bestellung,placed_at=Datum,sku=Artikel,description=Bezeichnung,quantity=Menge",
        "--columns",
        "unit_price=Einzelpreis,customer=Kunde,country=Land",
        "--time-zone",
        "Europe/Copenhagen",
    ]);
    let summary = summary(&mut command).await;
    assert_eq!(summary["encoding"], "windows-1252");
    assert_eq!(summary["separator"], ";");
    assert_eq!(summary["decimalMark"], "comma");
    assert_eq!(summary["taken"], 120);
    assert_eq!(summary["rejected"], json!({}));
    assert_eq!(summary["rejectsFile"], Value::Null);
    assert!(!place.rejects().exists(), "nothing was rejected");
    assert_eq!(
        (&summary["orders"], &summary["units"], &summary["revenue"]),
        (&json!(33), &json!(578), &json!(5071.67))
    );
    let names: Vec<String> = query_scalar(
        "select payload->>'name' from log.events where event_type = 'product.created' order by 1",
    )
    .fetch_all(&place.pool().await)
    .await
    .unwrap();
    assert!(
        names.iter().any(|name| name == "Zwetschgenröster"),
        "{names:?}"
    );
    assert!(
        names.iter().any(|name| name == "Spülbürste; Buche"),
        "{names:?}"
    );
    let placed_at: String = query_scalar(
        "select to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from log.events
         where event_type = 'order.imported' and payload->>'number' = '70112'",
    )
    .fetch_one(&place.pool().await)
    .await
    .unwrap();
    assert_eq!(placed_at, "2019-01-25 14:20");
}

#[tokio::test]
async fn stdin_is_read_too() {
    let place = Place::new().await;
    let mut command = place.import(Path::new("-"));
    let mut running = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let text = "1;2019-05-01;MUG;2;2,50\n2;2019-05-01;MUG;1;2,50\n";
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = running.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "there are no headers");

    let mut command = place.import(Path::new("-"));
    let mut running = command
        .args([
            "--no-header",
            "--columns",
            "order=1,placed_at=2,sku=3,quantity=4,unit_price=5",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = running.wait_with_output().await.unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["taken"], &summary["revenue"]),
        (&json!(2), &json!(7.50))
    );
}

#[tokio::test]
async fn customers_are_known_by_nothing_and_their_ids_are_not_in_the_clear() {
    let place = Place::new().await;
    let file = "order,date,sku,quantity,price,customer\n1,2019-05-01,A,1,1,externalid77\n";
    summary(&mut place.import(&place.file("one.csv", file))).await;
    let (imported, clear): (i64, i64) = query_as(
        "select count(*) filter (where event_type = 'user.imported'),
                count(*) filter (where payload::text like '%externalid77%' or metadata::text like '%externalid77%')
         from log.events",
    )
    .fetch_one(&place.pool().await)
    .await
    .unwrap();
    assert_eq!((imported, clear), (1, 0));
    // A customer with the same id in another source is another person.
    let other = summary(
        place
            .import(&place.file("one.csv", file))
            .args(["--source", "other"]),
    )
    .await;
    assert_eq!(
        other["made"],
        json!({ "orders": 1, "products": 0, "customers": 1 })
    );
}
