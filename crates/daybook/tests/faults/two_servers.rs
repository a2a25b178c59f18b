//! Two server processes on one database.

use std::collections::BTreeMap;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::evidence;
use crate::process::Server;
use crate::site::{Site, Visitor};

async fn two() -> (Site, Server, Server) {
    let site = Site::new().await;
    let one = site.open("127.0.0.1:0").await;
    let other = site.open("127.0.0.1:0").await;
    (site, one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn together_they_sell_no_more_than_there_is() {
    let (site, one, other) = two().await;
    let (admin, customer) = (Visitor::admin(&one).await, Visitor::customer(&one).await);
    let product = admin.product("12.50", 100).await;
    let visitors = [customer.clone(), customer.at(&other)];
    let orders = (0..1000).map(|n| {
        let request = visitors[n % 2].order(&product, 1);
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    });
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for status in join_all(orders.collect::<Vec<_>>()).await {
        *statuses.entry(status.unwrap()).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(201, 100), (409, 900)]));
    let pool = site.database.superuser_pool().unwrap();
    for visitor in &visitors {
        assert_eq!(
            visitor.stock(&product, evidence::head(&pool).await).await,
            0
        );
    }
    evidence::everything_holds(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restock_and_a_price_at_one_count_for_orders_at_the_other() {
    let (site, one, other) = two().await;
    let (admin, customer) = (
        Visitor::admin(&one).await,
        Visitor::customer(&one).await.at(&other),
    );
    let product = admin.product("1.00", 0).await;
    assert_eq!(customer.status(customer.order(&product, 1)).await, 409);
    for cents in 10..30 {
        assert_eq!(admin.status(admin.change_stock(&product, 1)).await, 200);
        let body = format!(r#"{{"price": 3.{cents}}}"#);
        let reprice = admin.request(Method::PUT, &format!("/products/{product}"));
        assert_eq!(
            admin
                .status(
                    reprice
                        .header("content-type", "application/json")
                        .body(body)
                )
                .await,
            200
        );
        let answer = customer.order(&product, 1).send().await.unwrap();
        assert_eq!(answer.status(), 201, "the restock was not seen");
        let text = answer.text().await.unwrap();
        assert!(
            text.contains(&format!(r#""totalAmount":3.{cents}"#)),
            "an old price was taken: {text}"
        );
    }
    evidence::everything_holds(&site.database.superuser_pool().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_at_both_has_one_effect() {
    let (site, one, other) = two().await;
    let (admin, customer) = (Visitor::admin(&one).await, Visitor::customer(&one).await);
    let product = admin.product("12.50", 1000).await;
    let visitors = [customer.clone(), customer.at(&other)];
    for round in 0..20 {
        let key = format!("round-{round}");
        let attempts = (0..10).map(|n| {
            let request = visitors[n % 2]
                .order(&product, 1)
                .header("idempotency-key", &key);
            tokio::spawn(async move {
                let answer = request.send().await.unwrap();
                (
                    answer.status().as_u16(),
                    answer.json::<Value>().await.unwrap(),
                )
            })
        });
        let mut placed: Vec<String> = Vec::new();
        for attempt in join_all(attempts.collect::<Vec<_>>()).await {
            match attempt.unwrap() {
                (201, order) => placed.push(order["id"].as_str().unwrap().to_owned()),
                (409, problem) => assert_eq!(problem["code"], "idempotency-key-in-use"),
                other => panic!("{other:?}"),
            }
        }
        placed.dedup();
        assert_eq!(placed.len(), 1, "one order for one key");
    }
    let pool = site.database.superuser_pool().unwrap();
    assert_eq!(
        customer.stock(&product, evidence::head(&pool).await).await,
        980
    );
    evidence::everything_holds(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_one_dies_the_other_takes_over_its_projectors() {
    let (site, one, other) = two().await;
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 1).await;
    one.kill().await;
    let answer = admin
        .at(&other)
        .change_stock(&product, 4)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let pool = site.database.superuser_pool().unwrap();
    evidence::everything_holds(&pool).await;
    let projections: Value = admin
        .at(&other)
        .request(Method::GET, "/projections")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let live = projections
        .as_array()
        .unwrap()
        .iter()
        .all(|projection| projection["state"] == json!("live"));
    assert!(live, "{projections}");
    assert!(other.stop().await.success());
}
