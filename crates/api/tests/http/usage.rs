use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use chrono::{DateTime, Duration, Utc};
use daybook_api::app::HttpConfig;
use daybook_usage::UsageStore;
use serde_json::{Value, json};
use sqlx::query_scalar;
use uuid::Uuid;

use crate::shop::{Reply, Shop};

pub(crate) fn event(id: Uuid, at: DateTime<Utc>) -> Value {
    json!({"eventId": id, "timestamp": at, "sessionId": "s-1", "eventType": "page_view", "eventData": {"path": "/"}})
}

pub(crate) fn fresh() -> Value {
    event(Uuid::now_v7(), Utc::now())
}

pub(crate) async fn send(shop: &Shop, batch: &[Value]) -> Reply {
    shop.post("analytics/events").json(&json!(batch)).await
}

#[track_caller]
pub(crate) fn counts(reply: &Reply) -> (u64, u64, usize) {
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    let count = |field: &str| body[field].as_u64().unwrap();
    let rejected = body["rejected"].as_array().unwrap().len();
    (count("accepted"), count("duplicates"), rejected)
}

pub(crate) async fn kept(shop: &Shop) -> i64 {
    let events: i64 = query_scalar("select count(*) from usage.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    let ids: i64 = query_scalar("select count(*) from usage.event_ids")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(events, ids, "each event has its id, each id its event");
    events
}

#[tokio::test]
async fn the_good_ones_are_kept_when_bad_ones_are_refused() {
    let shop = Shop::open().await;
    let id = Uuid::now_v7();
    let but = |field: &str, value: Value| {
        let mut event = event(id, Utc::now());
        event[field] = value;
        event
    };
    let without = |field: &str| {
        let mut event = event(id, Utc::now());
        event.as_object_mut().unwrap().remove(field);
        event
    };
    let bad = [
        (json!(7), "invalid-type"),
        (json!(["a", "b"]), "invalid-type"),
        (json!(null), "invalid-type"),
        (without("eventId"), "required"),
        (without("timestamp"), "required"),
        (without("sessionId"), "required"),
        (without("eventType"), "required"),
        (without("eventData"), "required"),
        (but("admin", json!(true)), "unknown-field"),
        (but("eventId", json!("no-uuid")), "invalid-value"),
        (but("userId", json!("ann")), "invalid-value"),
        (but("timestamp", json!("yesterday")), "invalid-value"),
        (but("timestamp", json!("2026-01-01")), "invalid-value"),
        (but("sessionId", json!("")), "required"),
        (but("sessionId", json!("x".repeat(201))), "too-long"),
        (but("sessionId", json!("a\nb")), "control-character"),
        (but("eventType", json!(["page_view"])), "invalid-type"),
        (but("eventType", json!("x".repeat(101))), "too-long"),
        (but("eventData", json!("text")), "invalid-type"),
        (
            but("eventData", json!({"a": ["b\u{0}"]})),
            "control-character",
        ),
        (but("eventData", json!({"a\u{0}": 1})), "control-character"),
    ];
    let mut batch = vec![fresh()];
    batch.extend(bad.iter().map(|(event, _)| event.clone()));
    batch.push(fresh());
    let reply = send(&shop, &batch).await;
    assert_eq!(counts(&reply), (2, 0, bad.len()));
    assert_eq!(kept(&shop).await, 2);
    for (index, ((sent, code), told)) in bad
        .iter()
        .zip(reply.json()["rejected"].as_array().unwrap())
        .enumerate()
    {
        assert_eq!(
            (told["index"].as_u64(), told["code"].as_str()),
            (Some(index as u64 + 1), Some(*code)),
            "{sent} {told}"
        );
        assert!(!told["detail"].as_str().unwrap().is_empty());
        let named = sent["eventId"]
            .as_str()
            .is_some_and(|text| text == id.to_string());
        assert_eq!(told.get("eventId").is_some(), named, "{told}");
    }
}

/// An event that PostgreSQL itself would refuse must not make the whole batch fail.
#[tokio::test]
async fn json_that_nobody_could_read_again_is_refused_alone() {
    let shop = Shop::open().await;
    let with_data = |data: &str| {
        let (id, at) = (Uuid::now_v7(), Utc::now().to_rfc3339());
        format!(
            r#"{{"eventId": "{id}", "timestamp": "{at}", "sessionId": "s", "eventType": "t", "eventData": {data}}}"#
        )
    };
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let batch = [
        with_data("{}"),
        with_data(r#"{"a": "\ud800"}"#),
        with_data(r#"{"a": 1e999}"#),
        with_data(&deep),
        with_data(r#"{"a": "\u0000"}"#),
        with_data("{}"),
    ];
    let reply = shop
        .post("analytics/events")
        .raw(format!("[{}]", batch.join(",")))
        .await;
    assert_eq!(counts(&reply), (2, 0, 4));
    let codes: Vec<Value> = reply.json()["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| told["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [
            "invalid-value",
            "invalid-value",
            "invalid-value",
            "control-character"
        ]
    );
}

#[tokio::test]
async fn instants_too_far_away_are_refused() {
    let shop = Shop::open().await;
    let now = Utc::now();
    let at = |offset: Duration| event(Uuid::now_v7(), now + offset);
    let near = [at(-Duration::days(365)), at(Duration::minutes(55))];
    assert_eq!(counts(&send(&shop, &near).await), (2, 0, 0));
    let far = send(
        &shop,
        &[at(-Duration::days(367)), at(Duration::minutes(65))],
    )
    .await;
    assert_eq!(counts(&far), (0, 0, 2));
    assert_eq!(far.json()["rejected"][1]["code"], "out-of-range");
}

#[tokio::test]
async fn a_batch_is_an_array_of_a_thousand_at_most() {
    let shop = Shop::open().await;
    let thousand: Vec<Value> = (0..1000).map(|_| fresh()).collect();
    assert_eq!(counts(&send(&shop, &thousand).await), (1000, 0, 0));
    let more: Vec<Value> = (0..1001).map(|_| fresh()).collect();
    let refused = send(&shop, &more).await;
    assert_eq!(refused.problem(), (422, "invalid-field".into(), "".into()));
    assert_eq!(refused.json()["errors"][0]["code"], "too-many");
    assert_eq!(send(&shop, &[]).await.status, 422);
    let post = |body: &str| shop.post("analytics/events").raw(body.to_owned());
    assert_eq!(post("{}").await.status, 422);
    assert_eq!(post("[{").await.code(), "malformed-json");
    assert_eq!(shop.post("analytics/events").body("[]").await.status, 415);
    assert_eq!(
        post(&format!("[\"{}\"]", "x".repeat(1024 * 1024)))
            .await
            .code(),
        "body-too-large"
    );
    let large = format!("[\"{}\"]", "x".repeat(1024 * 1024 - 4));
    assert_eq!(
        counts(&post(&large).await),
        (0, 0, 1),
        "a whole MiB is taken"
    );
    assert_eq!(kept(&shop).await, 1000);
}

#[tokio::test]
async fn usage_events_have_a_rate_limit_of_their_own() {
    let mut http = HttpConfig::default();
    http.gateway
        .limits
        .as_mut()
        .unwrap()
        .by_address
        .usage
        .requests = 2.try_into().unwrap();
    let shop = Shop::open_with(http).await;
    let from = ConnectInfo("192.0.2.1:4711".parse::<SocketAddr>().unwrap());
    let body = json!([fresh()]);
    let ask = || shop.post("analytics/events").extension(from).json(&body);
    assert_eq!(ask().await.header("ratelimit-policy"), "\"usage\";q=2;w=60");
    assert_eq!(ask().await.status, 200);
    let limited = ask().await;
    assert_eq!(
        (limited.status.as_u16(), limited.code()),
        (429, "rate-limited".into())
    );
    assert!(limited.headers.contains_key("retry-after"));
    let query = shop.get("products").extension(from).await;
    assert_eq!(query.status, 200, "the shop itself goes on");
}

#[tokio::test]
async fn no_more_batches_are_taken_in_than_there_is_room_for() {
    let shop = Shop::open().await;
    let store = UsageStore::new(shop.pool.clone());
    let mut rooms = Vec::new();
    while let Some(room) = store.room() {
        rooms.push(room);
    }
    assert_eq!(rooms.len(), 256);
    rooms.pop();
    assert!(store.room().is_some());
}
