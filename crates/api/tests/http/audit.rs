//! Streams of the audit trail.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Reply, Shop};

pub(crate) fn sentences(reply: &Reply) -> Vec<String> {
    let entries = reply.json();
    let sentences = entries.as_array().unwrap().iter();
    sentences
        .map(|entry| entry["sentence"].as_str().unwrap().to_owned())
        .collect()
}

/// The path in a `Link` header.
pub(crate) fn linked(reply: &Reply, rel: &str) -> Option<String> {
    let links = reply.headers.get("link")?.to_str().unwrap();
    let rel = format!("rel=\"{rel}\"");
    let link = links.split(", ").find(|link| link.ends_with(&rel))?;
    Some(link[1..link.find('>').unwrap()].to_owned())
}

/// Parses every line of an answer as JSON.
pub(crate) fn lines(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let lines = reply.text().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) async fn order_of(shop: &Shop, token: &str, product: &str) -> Reply {
    let body = json!({"items": [{"productId": product, "quantity": 1}]});
    let placed = shop.post("orders").token(token).json(&body).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    placed
}

#[tokio::test]
async fn a_streams_events_are_shown_with_who_and_why() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let request_id = Uuid::now_v7().to_string();
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .header("x-request-id", &request_id)
        .json(&json!({"items": [{"productId": pot, "quantity": 1}]}))
        .await;
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let stream = shop
        .get(&format!("audit/streams/order/{id}"))
        .token(&admin)
        .await;
    assert_eq!(
        (stream.status.as_u16(), stream.header("x-total-count")),
        (200, "1"),
        "{stream:?}"
    );
    let entry = &stream.json()[0];
    assert_eq!(
        (entry["type"].as_str(), entry["sequence"].as_i64()),
        (Some("order.placed"), Some(1))
    );
    assert_eq!(entry["stream"], format!("order/{id}"));
    assert_eq!(entry["sentence"], "placed: 1 × Teapot for 12.50 EUR");
    assert_eq!(
        (&entry["actor"], &entry["means"]),
        (&json!(format!("user:{}", ann.id)), &json!("session"))
    );
    assert_eq!(
        (entry["correlationId"].as_str(), entry["requestId"].as_str()),
        (Some(&*request_id), Some(&*request_id))
    );
    assert_eq!(entry["cause"], json!({"kind": "request", "id": request_id}));
    assert_eq!(entry["at"], placed.json()["createdAt"]);
    assert_eq!(
        entry["data"]["total"],
        json!({"minor": 1250, "currency": "EUR"})
    );

    let stock = shop
        .get(&format!("audit/streams/stock/{pot}"))
        .token(&admin)
        .await
        .json();
    assert_eq!(stock[1]["type"], "stock.reserved");
    assert_eq!(
        stock[1]["sentence"],
        format!("1 unit reserved for order {id}")
    );
    assert_eq!(stock[1]["correlationId"], entry["correlationId"]);
}

#[tokio::test]
async fn a_long_stream_is_read_page_by_page() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("1", 1).await;
    for _ in 0..6 {
        shop.put(&format!("products/{pot}/stock"))
            .token(&admin)
            .json(&json!({"change": 1}))
            .await;
    }
    let mut next = Some(format!("/api/v1/audit/streams/stock/{pot}?limit=3"));
    let mut sequences = Vec::new();
    while let Some(path) = next {
        let page = shop.get(&path).token(&admin).await;
        assert_eq!(page.header("x-total-count"), "7");
        sequences.extend(
            page.json()
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["sequence"].as_i64().unwrap()),
        );
        next = linked(&page, "next");
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
    let last = shop
        .get(&format!("audit/streams/stock/{pot}?limit=3&page=3"))
        .token(&admin)
        .await;
    assert_eq!(last.json().as_array().unwrap().len(), 1);
    let whole = shop
        .get(&format!("audit/streams/stock/{pot}"))
        .token(&admin)
        .header("accept", "application/x-ndjson")
        .await;
    let sequences: Vec<_> = lines(&whole)
        .iter()
        .map(|entry| entry["sequence"].as_i64())
        .collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7].map(Some));
}

#[tokio::test]
async fn what_was_before_is_told_on_every_page() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 1).await;
    let path = format!("products/{pot}");
    for body in [
        json!({"name": "Pot"}),
        json!({"price": 11}),
        json!({"description": "For tea"}),
        json!({"name": "Kettle"}),
    ] {
        let changed = shop.put(&path).token(&admin).json(&body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let retired = shop.delete(&path).token(&admin).await;
    let told = [
        "created: Teapot at 12.50 EUR",
        "renamed from Teapot to Pot",
        "price changed from 12.50 to 11.00 EUR",
        "description changed from “” to “For tea”",
        "renamed from Pot to Kettle",
        "retired: Kettle",
    ];
    let trail = format!("audit/streams/product/{pot}");
    let whole = shop.get(&trail).token(&admin).await;
    assert_eq!(sentences(&whole), told);
    for (page, sentence) in (1..).zip(told) {
        let one = format!("{trail}?limit=1&page={page}");
        assert_eq!(sentences(&shop.get(&one).token(&admin).await), [sentence]);
    }
    let backwards = shop
        .get("audit/events?streamType=product")
        .token(&admin)
        .after(&retired)
        .await;
    let mut reversed = told;
    reversed.reverse();
    assert_eq!(sentences(&backwards), reversed);
}

#[tokio::test]
async fn a_customer_reads_their_own_account_and_orders_and_nothing_else() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let pot = shop.product("1", 5).await;
    let placed = order_of(&shop, &ann.token, &pot).await;
    let order = placed.json()["id"].as_str().unwrap().to_owned();
    let own = [
        format!("audit/streams/user/{}", ann.id),
        format!("audit/streams/order/{order}"),
    ];
    let others = [
        format!("audit/streams/product/{pot}"),
        format!("audit/streams/stock/{pot}"),
        format!("audit/streams/order/{}", ann.id),
        format!("audit/streams/user/{order}"),
        format!("audit/streams/person/{}", ann.id),
        "audit/streams/user/x".to_owned(),
    ];
    for path in &own {
        assert_eq!(shop.get(path).await.problem().0, 401, "{path}");
        let read = shop.get(path).token(&ann.token).await;
        assert_eq!(read.status, 200, "{path}");
        assert_eq!(shop.get(path).token(&shop.admin()).await.body, read.body);
    }
    let not_theirs = own.iter().map(|path| (path, &bob.token));
    let nobodys = others.iter().map(|path| (path, &ann.token));
    for (path, token) in not_theirs.chain(nobodys) {
        for accept in ["application/json", "application/x-ndjson"] {
            let refused = shop.get(path).token(token).header("accept", accept).await;
            assert_eq!(refused.code(), "not-found", "{path}");
        }
    }
    for path in &others[2..] {
        let missing = shop.get(path).token(&shop.admin()).await;
        assert_eq!(missing.code(), "not-found", "{path}");
    }
    let forged = format!("{}?cursor=forged", own[0]);
    let forged = shop.get(&forged).token(&ann.token).await;
    assert_eq!(forged.problem().2, "/cursor");
}

#[tokio::test]
async fn what_was_erased_is_told_as_erased() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let path = format!("users/{}", ann.id);
    let renamed = json!({"lastName": "Poe"});
    shop.put(&path).token(&ann.token).json(&renamed).await;
    let trail = format!("audit/streams/user/{}", ann.id);
    let before = shop.get(&trail).token(&admin).await;
    assert_eq!(
        sentences(&before),
        [
            format!("registered: Ann Lee, {}, as user", ann.email),
            "renamed from Ann Lee to Ann Poe".to_owned(),
        ]
    );
    assert_eq!(before.json()[0]["means"], "anonymous");
    let erased = shop.delete(&path).token(&ann.token).await;
    assert_eq!(erased.status, 204, "{erased:?}");
    let after = shop.get(&trail).token(&admin).await;
    assert_eq!(
        sentences(&after),
        [
            "registered: (erased), as user",
            "renamed from (erased) to (erased)",
            "erased: what identified this person can no longer be read",
        ]
    );
    for secret in [&*ann.email, "Poe", "Lee"] {
        assert!(!after.text().contains(secret), "{secret}");
    }
}
