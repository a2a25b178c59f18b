//! Searching the audit trail.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use daybook_api::app::HttpConfig;
use daybook_api::gateway::GatewaySettings;
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::audit::{lines, linked, order_of};
use crate::revocations::until;
use crate::shop::{Customer, Reply, Shop, without_rate_limits};

/// Two customers who order and cancel, and an admin at work: events to be found.
async fn busy_shop() -> (Shop, [Customer; 2]) {
    let shop = Shop::open().await;
    let customers = [shop.customer().await, shop.customer().await];
    let admin = shop.admin();
    let mut last = None;
    for round in 0..3 {
        let pot = shop.product("12.50", 9).await;
        for customer in &customers {
            let placed = order_of(&shop, &customer.token, &pot).await;
            let order = placed.header("location").to_owned();
            let (step, token) = match round {
                0 => ("cancel", &customer.token),
                _ => ("process", &admin),
            };
            let path = format!("{order}/{step}");
            last = Some(shop.post(&path).token(token).json(&json!({})).await);
        }
    }
    let last = last.unwrap();
    assert!(last.status.is_success(), "{last:?}");
    for path in ["audit/events", "orders"] {
        let seen = shop.get(path).token(&admin).after(&last).await;
        assert_eq!(seen.status, 200, "{seen:?}");
    }
    (shop, customers)
}

fn positions(entries: &[Value]) -> Vec<i64> {
    let positions = entries.iter().map(|entry| entry["position"].as_i64());
    positions.map(Option::unwrap).collect()
}

fn entries(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json().as_array().unwrap().clone()
}

async fn all(shop: &Shop, path: &str, token: &str) -> Vec<Value> {
    let call = shop.get(path).token(token);
    let reply = call.header("accept", "application/x-ndjson").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    lines(&reply)
}

/// Reads all pages, forwards and backwards, and expects the same entries.
async fn leaf_through(shop: &Shop, path: &str, token: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut pages = Vec::new();
    let mut next = Some(format!("/api/v1/{path}"));
    while let Some(path) = next {
        let page = shop.get(&path).token(token).await;
        found.extend(entries(&page));
        next = linked(&page, "next");
        pages.push(page);
    }
    let mut back = pages.pop().unwrap();
    while let Some(path) = linked(&back, "prev") {
        back = shop.get(&path).token(token).await;
        assert_eq!(back.json(), pages.pop().unwrap().json(), "{path}");
        assert!(linked(&back, "next").is_some());
    }
    assert!(pages.is_empty());
    found
}

#[tokio::test]
async fn what_is_found_fits_everything_that_is_given() {
    let (shop, [ann, _]) = busy_shop().await;
    let admin = shop.admin();
    let every = all(&shop, "audit/events?order=asc", &admin).await;
    let head = every.len() as i64;
    assert_eq!(positions(&every), Vec::from_iter(1..=head));
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let middle = &every[every.len() / 2];
    let (at, correlation) = (text(middle, "recordedAt"), text(middle, "correlationId"));
    let anns = format!("user:{}", ann.id);
    type Fits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let cases: Vec<(String, Fits<'_>)> = vec![
        (String::new(), Box::new(|_| true)),
        (
            format!("actor={anns}"),
            Box::new(|entry| entry["actor"] == anns),
        ),
        (
            "actor=anonymous".into(),
            Box::new(|entry| entry["actor"] == "anonymous"),
        ),
        (
            "actor=system:test".into(),
            Box::new(|entry| entry["actor"] == "system:test"),
        ),
        (
            "streamType=stock".into(),
            Box::new(|entry| text(entry, "type").starts_with("stock.")),
        ),
        (
            "type=order.placed,stock.reserved".into(),
            Box::new(|entry| ["order.placed", "stock.reserved"].contains(&&*text(entry, "type"))),
        ),
        (
            format!("type=order.cancelled&actor={anns}"),
            Box::new(|entry| entry["actor"] == anns && entry["type"] == "order.cancelled"),
        ),
        (
            format!("correlationId={correlation}"),
            Box::new(|entry| entry["correlationId"] == correlation),
        ),
        (
            "fromPosition=3&toPosition=9&streamType=user".into(),
            Box::new(|entry| {
                (3..=9).contains(&entry["position"].as_i64().unwrap())
                    && text(entry, "type").starts_with("user.")
            }),
        ),
        (
            format!("from={at}"),
            Box::new(|entry| text(entry, "recordedAt") >= at),
        ),
        (
            format!("to={at}&type=order.placed"),
            Box::new(|entry| text(entry, "recordedAt") < at && entry["type"] == "order.placed"),
        ),
        (
            "type=user.erased".into(),
            Box::new(|entry| entry["type"] == "user.erased"),
        ),
        (
            "type=order.placed&streamType=user".into(),
            Box::new(|_| false),
        ),
    ];
    for (query, fits) in &cases {
        let mut expected = every.clone();
        expected.retain(fits);
        for order in ["asc", "desc"] {
            let path = format!("audit/events?{query}&order={order}&limit=4");
            let found = leaf_through(&shop, &path, &admin).await;
            assert_eq!(found, expected, "{path}");
            assert_eq!(all(&shop, &path, &admin).await, expected, "{path}");
            expected.reverse();
        }
        let first = shop
            .get(&format!("audit/events?{query}"))
            .token(&admin)
            .await;
        let count = expected.len();
        assert_eq!(first.header("x-total-count"), count.to_string(), "{query}");
        expected.reverse();
        expected.truncate(10);
        assert_eq!(entries(&first), expected, "the newest come first");
    }
}

#[tokio::test]
async fn a_customer_finds_their_own_and_nothing_else() {
    let (shop, [ann, bob]) = busy_shop().await;
    let admin = shop.admin();
    let every = all(&shop, "audit/events?order=asc", &admin).await;
    let mine = |customer: &Customer| -> Vec<Value> {
        let account = format!("user/{}", customer.id);
        let is_order = |entry: &&Value| {
            entry["type"] == "order.placed" && entry["data"]["userId"] == customer.id
        };
        let orders = every.iter().filter(is_order).map(|entry| &entry["stream"]);
        let streams: Vec<&Value> = orders.collect();
        let is_mine =
            |entry: &&Value| entry["stream"] == account || streams.contains(&&entry["stream"]);
        every.iter().filter(is_mine).cloned().collect()
    };
    for customer in [&ann, &bob] {
        let own = mine(customer);
        assert!(
            own.len() >= 7,
            "an account, three orders, what became of them"
        );
        let path = "audit/events?order=asc&limit=2";
        assert_eq!(leaf_through(&shop, path, &customer.token).await, own);
        assert_eq!(all(&shop, path, &customer.token).await, own);
        let counted = shop.get(path).token(&customer.token).await;
        assert_eq!(counted.header("x-total-count"), own.len().to_string());
    }
    // Filters only narrow this down.
    let by_admin = "audit/events?type=order.processed&order=asc";
    let mut processed = mine(&ann);
    processed.retain(|entry| entry["type"] == "order.processed");
    assert_eq!(processed.len(), 2);
    assert_eq!(all(&shop, by_admin, &ann.token).await, processed);
    for nothing in [
        format!("actor=user:{}", bob.id),
        "streamType=stock".into(),
        "actor=system:test".into(),
    ] {
        let found = shop
            .get(&format!("audit/events?{nothing}"))
            .token(&ann.token);
        let found = found.await;
        assert_eq!(entries(&found), [Value::Null; 0], "{nothing}");
        assert_eq!(found.header("x-total-count"), "0");
    }
    assert_eq!(shop.get("audit/events").await.problem().0, 401);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    for (query, pointer) in [
        ("actor=root", "/actor"),
        ("actor=user:x", "/actor"),
        ("streamType=person", "/streamType"),
        ("type=order.eaten", "/type"),
        ("type=", "/type"),
        ("correlationId=7", "/correlationId"),
        ("from=yesterday", "/from"),
        ("to=2026-01-01", "/to"),
        ("fromPosition=x", "/fromPosition"),
        ("toPosition=0", "/toPosition"),
        ("order=up", "/order"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("cursor=x", "/cursor"),
        ("page=2", "/page"),
    ] {
        let refused = shop.get(&format!("audit/events?{query}")).token(&admin);
        let (status, _, at) = refused.await.problem();
        assert_eq!((status, &*at), (422, pointer), "{query}");
    }
}

/// More events than are counted, all of one stock, as an import might write them.
async fn deliveries(shop: &Shop, count: i64) -> String {
    let stock = Uuid::now_v7();
    let metadata = json!({"actor": "system:import", "correlationId": Uuid::now_v7()});
    sqlx::query(
        "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
             metadata, position, event_id, occurred_at, recorded_at)
         select 'stock', $1, n, 'stock.received', '1',
             '{\"type\": \"stock.received\", \"quantity\": 1, \"reason\": null}', $2::json,
             (select max(position) from log.events) + n, gen_random_uuid(), now(), clock_timestamp()
         from generate_series(1, $3) as n order by n",
    )
    .bind(stock.to_string())
    .bind(metadata.to_string())
    .bind(count)
    .execute(&shop.database.superuser_pool().unwrap())
    .await
    .unwrap();
    stock.to_string()
}

#[tokio::test]
async fn any_number_of_events_is_streamed_beyond_a_requests_time() {
    let time = Duration::from_secs(2);
    let shop = Shop::open_with(HttpConfig {
        gateway: GatewaySettings {
            request_timeout: time,
            ..without_rate_limits().gateway
        },
        read_your_writes_timeout: Duration::from_secs(60),
        ..HttpConfig::default()
    })
    .await;
    let count = 10_500;
    let stock = deliveries(&shop, count).await;
    // This is not part of a request's time.
    until("the trail has them", async || {
        let there = "select position > $1 from projections.checkpoints where name = 'trail'";
        let there = sqlx::query_scalar(there).bind(count);
        there.fetch_one(&shop.pool).await.unwrap()
    })
    .await;
    for path in [
        format!("audit/streams/stock/{stock}"),
        "audit/events?actor=system:import".to_owned(),
        "audit/events?order=asc&fromPosition=2".to_owned(),
    ] {
        let request = Request::get(format!("/api/v1/{path}"))
            .header("authorization", format!("Bearer {}", shop.admin()))
            .header("accept", "application/x-ndjson")
            .header("daybook-min-position", "10000")
            .body(Body::empty());
        let response = shop.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        assert!(first.len() < 1_000_000, "{}", first.len());
        // A slow reader: the request's time limit has passed when it reads the rest.
        tokio::time::sleep(time).await;
        let mut text = first.to_vec();
        while let Some(chunk) = body.next().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), count as usize, "{path}");
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["means"], "import");
    }
    let counted = |query: &str| {
        let path = format!("audit/events?{query}");
        shop.get(&path).token(&shop.admin())
    };
    let exact = counted("").await;
    assert_eq!(exact.header("x-total-count"), (count + 1).to_string());
    let uncounted = counted("actor=system:import").await;
    assert!(uncounted.headers.get("x-total-count").is_none());
    assert!(linked(&uncounted, "next").is_some());
}

#[tokio::test]
async fn an_export_that_cannot_go_on_is_broken_off() {
    let shop = Shop::open().await;
    deliveries(&shop, 1_500).await;
    let request = Request::get("/api/v1/audit/events?order=asc")
        .header("authorization", format!("Bearer {}", shop.admin()))
        .header("accept", "application/x-ndjson")
        .body(Body::empty());
    let response = shop.router.clone().oneshot(request.unwrap()).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    sqlx::query("alter table log.events rename to elsewhere")
        .execute(&shop.database.superuser_pool().unwrap())
        .await
        .unwrap();
    assert!(body.next().await.unwrap().is_err());
}

#[tokio::test]
async fn only_so_many_exports_are_under_way() {
    let shop = Shop::open().await;
    let export = || {
        let request = Request::get("/api/v1/audit/events")
            .header("authorization", format!("Bearer {}", shop.admin()))
            .header("accept", "application/x-ndjson")
            .body(Body::empty());
        shop.router.clone().oneshot(request.unwrap())
    };
    let mut under_way = Vec::new();
    let refused = loop {
        let response = export().await.unwrap();
        if response.status() != StatusCode::OK {
            break response;
        }
        under_way.push(response);
        assert!(under_way.len() < 100);
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    // A client that disconnects makes room.
    under_way.pop();
    assert_eq!(export().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_one_request_set_off_is_a_tree() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let placed = order_of(&shop, &ann.token, &pot).await;
    let request = placed.header("x-request-id").to_owned();
    let path = format!("audit/correlations/{request}");
    let read = async |token: &str| shop.get(&path).token(token).after(&placed).await;

    let tree = read(&admin).await.json();
    assert_eq!(
        (&tree["correlationId"], &tree["requestId"]),
        (&json!(request), &json!(request))
    );
    assert_eq!(
        (&tree["actor"], &tree["means"], &tree["events"]),
        (
            &json!(format!("user:{}", ann.id)),
            &json!("session"),
            &json!(2)
        )
    );
    assert_eq!(tree["isComplete"], true);
    let sentences: Vec<&Value> = tree["effects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|effect| &effect["event"]["sentence"])
        .collect();
    let order = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        sentences,
        [
            &json!("placed: 1 × Teapot for 12.50 EUR"),
            &json!(format!("1 unit reserved for order {order}")),
        ]
    );
    let own = read(&ann.token).await.json();
    assert_eq!(own["events"], 1, "the stock is the shop's");
    assert_eq!(own["effects"][0]["event"]["type"], "order.placed");
    assert_eq!(read(&bob.token).await.code(), "not-found");
    for nothing in [Uuid::now_v7().to_string(), "x".into()] {
        let path = format!("audit/correlations/{nothing}");
        let missing = shop.get(&path).token(&admin).await;
        assert_eq!(missing.code(), "not-found", "{nothing}");
    }
}
