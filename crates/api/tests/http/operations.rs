use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use daybook_api::app::HttpConfig;
use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn the_process_lives_and_can_serve() {
    let shop = Shop::open().await;
    assert_eq!(shop.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(shop.get("/readyz").await.json(), json!({"status": "ready"}));
}

#[tokio::test]
async fn a_halted_read_model_makes_the_server_unready() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let category = json!({"name": "x"});
    let made = shop.post("categories").token(&admin).json(&category).await;
    // A projector that has not started an event yet would simply continue.
    let seen = shop.get("orders").token(&admin).after(&made).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let halt =
        "update projections.checkpoints set state = 'halted', error = '{}' where name = 'orders'";
    sqlx::query(halt)
        .execute(&shop.database.superuser_pool().unwrap())
        .await
        .unwrap();
    let ready = shop.get("/readyz").await.json();
    assert_eq!(ready, json!({"status": "ready", "halted": ["orders"]}));
    let others = shop.get("categories").after(&made).await;
    assert_eq!(others.status, 200, "others go on: {others:?}");
}

#[tokio::test]
async fn every_read_model_is_shown_with_its_lag() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let made = shop
        .post("categories")
        .token(&shop.admin())
        .json(&json!({"name": "x"}))
        .await;
    shop.get("categories").after(&made).await;
    let projections = shop.get("projections").token(&shop.admin()).await;
    assert_eq!(projections.status, 200, "{projections:?}");
    let projections = projections.json();
    let names: Vec<&str> = projections
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["catalog", "orders", "users", "analytics", "trail"]);
    let catalog = &projections[0];
    assert_eq!(
        (catalog["position"].as_i64(), catalog["head"].as_i64()),
        (Some(made.position()), Some(made.position()))
    );
    assert_eq!(
        (catalog["lag"].as_i64(), catalog["state"].as_str()),
        (Some(0), Some("live"))
    );
    assert_eq!(
        shop.get("projections").token(&ann.token).await.problem().0,
        403
    );
}

#[tokio::test]
async fn prometheus_is_told_of_requests_by_their_route() {
    let shop = Shop::open().await;
    let id = shop.product("1", 1).await;
    shop.get(&format!("products/{id}")).await;
    let metrics = shop.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = metrics.text();
    assert!(text.contains(r#"route="/api/v1/products/{id}""#), "{text}");
    assert!(text.contains("daybook_http_requests_total{"), "{text}");
    assert!(
        text.contains("daybook_http_request_duration_seconds_bucket{"),
        "{text}"
    );
    assert!(!text.contains(&id), "ids are no labels");
}

#[tokio::test]
async fn guessing_passwords_is_limited_by_address() {
    let mut http = HttpConfig::default();
    http.gateway
        .limits
        .as_mut()
        .unwrap()
        .by_address
        .sign_in
        .requests = 3.try_into().unwrap();
    let shop = Shop::open_with(http).await;
    let from =
        |address: &str| ConnectInfo(format!("{address}:4711").parse::<SocketAddr>().unwrap());
    let guess = |address: &str| {
        let body = json!({"email": "ann@example.com", "password": "guess"});
        shop.post("users/login")
            .extension(from(address))
            .json(&body)
    };
    for _ in 0..3 {
        let refused = guess("192.0.2.1").await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("ratelimit-policy"), "\"sign-in\";q=3;w=200");
    }
    let limited = guess("192.0.2.1").await;
    assert_eq!(
        (limited.status.as_u16(), limited.code()),
        (429, "rate-limited".into())
    );
    assert!((1..=67).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
    assert!(
        limited
            .header("ratelimit")
            .starts_with("\"sign-in\";r=0;t=")
    );
    assert_eq!(guess("192.0.2.2").await.status, 401);
    let query = shop.get("products").extension(from("192.0.2.1")).await;
    assert_eq!(
        (query.status.as_u16(), query.header("ratelimit-policy")),
        (200, "\"queries\";q=60000;w=60")
    );
    assert!(
        shop.get("/healthz")
            .extension(from("192.0.2.1"))
            .await
            .headers
            .get("ratelimit")
            .is_none()
    );
}
