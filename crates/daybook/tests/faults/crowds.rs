//! Many concurrent requests to one server.

use std::collections::BTreeMap;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::evidence;
use crate::site::{Site, Visitor};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_who_want_one_of_a_hundred_a_hundred_get_one() {
    let site = Site::new().await;
    let server = site.open("127.0.0.1:0").await;
    let (admin, customer) = (
        Visitor::admin(&server).await,
        Visitor::customer(&server).await,
    );
    let product = admin.product("12.50", 100).await;
    let orders = (0..1000).map(|_| {
        let request = customer.order(&product, 1);
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    });
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for status in join_all(orders.collect::<Vec<_>>()).await {
        *statuses.entry(status.unwrap()).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(201, 100), (409, 900)]));
    let pool = site.database.superuser_pool().unwrap();
    assert_eq!(
        customer.stock(&product, evidence::head(&pool).await).await,
        0
    );
    evidence::everything_holds(&pool).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_with_one_key_have_one_effect_and_one_answer() {
    let site = Site::new().await;
    let server = site.open("127.0.0.1:0").await;
    let (admin, customer) = (
        Visitor::admin(&server).await,
        Visitor::customer(&server).await,
    );
    let product = admin.product("12.50", 100).await;
    let attempts = (0..50).map(|_| {
        let request = customer
            .order(&product, 1)
            .header("idempotency-key", "one-of-fifty");
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.bytes().await.unwrap())
        })
    });
    let answers = join_all(attempts.collect::<Vec<_>>()).await;
    let mut bodies = Vec::new();
    for answer in answers {
        match answer.unwrap() {
            (201, body) => bodies.push(body),
            (409, body) => {
                let problem: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(problem["code"], "idempotency-key-in-use");
            }
            (status, body) => panic!("{status} {body:?}"),
        }
    }
    assert!(!bodies.is_empty());
    let again = customer
        .order(&product, 1)
        .header("idempotency-key", "one-of-fifty")
        .send()
        .await
        .unwrap();
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    bodies.push(again.bytes().await.unwrap());
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "answers differ"
    );
    let other = customer
        .order(&product, 2)
        .header("idempotency-key", "one-of-fifty")
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 422);
    let pool = site.database.superuser_pool().unwrap();
    assert_eq!(
        customer.stock(&product, evidence::head(&pool).await).await,
        99
    );
    evidence::everything_holds(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_order_gives_back_exactly_what_it_took_however_often_it_is_cancelled() {
    let site = Site::new().await;
    let server = site.open("127.0.0.1:0").await;
    let (admin, customer) = (
        Visitor::admin(&server).await,
        Visitor::customer(&server).await,
    );
    let product = admin.product("12.50", 10).await;
    let order: Value = customer
        .order(&product, 7)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let path = format!("/orders/{}/cancel", order["id"].as_str().unwrap());
    let cancels = (0..20).map(|_| {
        let request = customer.request(Method::POST, &path).json(&json!({}));
        tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
    });
    let statuses = join_all(cancels.collect::<Vec<_>>()).await;
    assert_eq!(
        statuses
            .iter()
            .filter(|status| matches!(status, Ok(200)))
            .count(),
        1
    );
    assert_eq!(
        statuses
            .iter()
            .filter(|status| matches!(status, Ok(409)))
            .count(),
        19
    );
    let pool = site.database.superuser_pool().unwrap();
    assert_eq!(
        customer.stock(&product, evidence::head(&pool).await).await,
        10
    );
    evidence::everything_holds(&pool).await;
}
