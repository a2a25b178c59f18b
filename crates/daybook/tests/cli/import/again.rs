//! Importing again: the same file, a longer one, or after a run that was killed.

use std::fs;
use std::process::Stdio;

use daybook_log::LOG_CHANNEL;
use serde_json::json;
use sqlx::postgres::PgListener;

use super::place::{Place, TAKEN, orders, summary};

#[tokio::test]
async fn a_second_run_finds_everything_there() {
    let place = Place::new().await;
    let first = summary(&mut orders(&place)).await;
    let head = place.count("order.line_imported").await;
    let second = summary(&mut orders(&place)).await;
    assert_eq!(second["taken"], 0);
    assert_eq!(second["alreadyThere"], TAKEN);
    assert_eq!(
        second["made"],
        json!({ "orders": 0, "products": 0, "customers": 0 })
    );
    for name in [
        "orders",
        "returns",
        "products",
        "customers",
        "units",
        "revenue",
        "refunded",
        "rejected",
    ] {
        assert_eq!(second[name], first[name], "{name}");
    }
    assert_eq!(place.count("order.line_imported").await, head);
}

#[tokio::test]
async fn the_same_lines_in_another_currency_are_other_lines() {
    let place = Place::new().await;
    let file = place.file(
        "sales.csv",
        "order,date,sku,quantity,price,customer\nA1,2019-05-01,MUG,1,2.50,c1\n",
    );
    summary(&mut place.import(&file)).await;
    let again = summary(&mut place.import_in("EUR", &file)).await;
    assert_eq!(
        (&again["taken"], &again["alreadyThere"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(again["rejected"], json!({ "mixed-currencies": 1 }));
    assert_eq!(place.in_the_log().await, (1, 1, 250, 0, 0));
}

#[tokio::test]
async fn a_later_export_adds_what_is_new_and_a_changed_order_is_handed_back() {
    let place = Place::new().await;
    let header = "order,date,sku,quantity,price,customer\n";
    let two =
        "A1,2019-05-01,MUG,1,2.50,c1\nA1,2019-05-01,MUG,1,2.50,c1\nA2,2019-05-02,POT,1,20,c2\n";
    summary(&mut place.import(&place.file("may.csv", &format!("{header}{two}")))).await;

    // The file with more lines before and after the old ones; one of them equals an old one.
    let more = format!(
        "{header}A1,2019-05-01,TEA,3,4,c1\n{two}A1,2019-05-01,MUG,1,2.50,c1\nA3,2019-06-01,MUG,1,2.50,\n"
    );
    let later = summary(&mut place.import(&place.file("june.csv", &more))).await;
    assert_eq!(
        (&later["taken"], &later["alreadyThere"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(place.in_the_log().await, (6, 8, 4_200, 0, 0));

    let changed = format!("{header}A2,2019-05-02,POT,1,25,c2\nA1,2019-05-01,TEA,3,4,c1\n");
    let changed = summary(&mut place.import(&place.file("changed.csv", &changed))).await;
    assert_eq!(changed["rejected"], json!({ "import-differs": 1 }));
    assert_eq!(
        (&changed["taken"], &changed["alreadyThere"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(place.in_the_log().await, (6, 8, 4_200, 0, 0));
    let rejects = fs::read_to_string(place.rejects()).unwrap();
    assert!(
        rejects.ends_with("2,import-differs,A2,2019-05-02,POT,1,25,c2\n"),
        "{rejects}"
    );
}

/// Twenty thousand lines; the lines of one order are far apart.
fn long_file() -> String {
    let mut text = String::from("order,date,sku,quantity,price,customer\n");
    for line in 0..20_000 {
        let (order, sku) = (line % 2_500, line % 97);
        text.push_str(&format!(
            "L{order},2019-05-01 10:00,SKU-{sku},{},1.25,c{}\n",
            1 + line % 3,
            order % 50
        ));
    }
    // More lines than fit into one append.
    for line in 0..1_500 {
        text.push_str(&format!("LONG,2019-05-02,SKU-{},1,0.10,\n", line % 90));
    }
    text
}

#[tokio::test]
async fn a_run_that_was_killed_is_finished_by_the_next() {
    let place = Place::new().await;
    let file = place.file("long.csv", &long_file());
    // The run that migrates the database must not be killed.
    summary(&mut place.import(&place.file(
        "one.csv",
        "order,date,sku,quantity,price\n1,2019-01-01,A,1,1\n",
    )))
    .await;
    let before = place.count("order.line_imported").await;
    let mut listener = PgListener::connect(&place.database.superuser_url())
        .await
        .unwrap();
    for _ in 0..3 {
        listener.listen(LOG_CHANNEL).await.unwrap();
        let mut running = place.import(&file).stdout(Stdio::null()).spawn().unwrap();
        let lines = place.count("order.line_imported").await;
        while place.count("order.line_imported").await == lines {
            listener.recv().await.unwrap();
        }
        running.kill().await.unwrap();
        listener.unlisten_all().await.unwrap();
    }
    let when_killed = place.count("order.line_imported").await - before;
    assert!(
        (1..21_500).contains(&when_killed),
        "killed in the middle, not after {when_killed} lines"
    );
    let finished = summary(&mut place.import(&file)).await;
    assert_eq!(finished["linesRead"], 21_500);
    assert_eq!(finished["orders"], 2_501);
    assert_eq!(finished["customers"], 50);
    let (taken, there) = (
        finished["taken"].as_i64().unwrap(),
        finished["alreadyThere"].as_i64().unwrap(),
    );
    assert_eq!(taken + there, 21_500);
    assert!(there >= when_killed);
    let whole = summary(&mut place.import(&file)).await;
    assert_eq!(whole["alreadyThere"], 21_500);
    let (lines, units, revenue, ..) = place.in_the_log().await;
    let expected: i64 = (0..20_000).map(|line| 1 + line % 3).sum();
    assert_eq!(
        (lines, units, revenue),
        (21_501, expected + 1_501, expected * 125 + 15_000 + 100)
    );
    assert_eq!(place.count("product.created").await, 98);
    assert_eq!(place.count("user.imported").await, 50);
}
