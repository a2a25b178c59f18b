//! Importing while a server is running.

use reqwest::Client;
use serde_json::json;

use super::place::{PRODUCTS, TAKEN, sample, summary};
use crate::process::{Server, daybook, folder};

#[tokio::test]
async fn it_works_beside_a_running_server_and_joins_products_that_it_has() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let (email, password) = server.account("Admin");
    let token = server.sign_in(&email, &password).await;
    let client = Client::new();
    let body = json!({ "name": "Cup", "price": 7, "currency": "DKK", "sku": "CUP-01" });
    let (cup, _) = server
        .ask(
            client
                .post(server.url_of("/products"))
                .bearer_auth(&token)
                .json(&body),
        )
        .await;

    let mut command = daybook(folder.path());
    let rejects = folder.path().join("rejects.csv");
    command
        .args([
            "import",
            "orders",
            "--json",
            "--currency",
            "DKK",
            "--columns",
            "description=Text",
        ])
        .arg(sample("orders.csv"))
        .arg("--rejects")
        .arg(rejects);
    let summary = summary(&mut command).await;
    assert_eq!(summary["taken"], TAKEN);
    assert_eq!(summary["made"]["products"], PRODUCTS - 1);

    let position = summary["position"].to_string();
    let listed = client
        .get(server.url_of("/orders?status=imported&limit=100"))
        .bearer_auth(&token)
        .header("Daybook-Min-Position", &position);
    let (orders, _) = server.ask(listed).await;
    let orders = orders.as_array().unwrap();
    assert_eq!(orders.len(), 97);
    let items = orders
        .iter()
        .flat_map(|order| order["items"].as_array().unwrap());
    let cups = items.filter(|item| item["productId"] == cup["id"]);
    assert!(
        cups.count() > 0,
        "the product that was there is the one that was sold"
    );
    let returned = orders
        .iter()
        .filter(|order| order["totalAmount"].as_f64().unwrap() < 0.0);
    assert_eq!(returned.count(), 6);
    assert!(server.stop().await.success());
}
