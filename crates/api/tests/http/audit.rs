use serde_json::json;
use uuid::Uuid;

use crate::shop::Shop;

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
    assert_eq!(entry["actor"], format!("user:{}", ann.id));
    assert_eq!(
        (entry["correlationId"].as_str(), entry["requestId"].as_str()),
        (Some(&*request_id), Some(&*request_id))
    );
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
        let links = page
            .headers
            .get("link")
            .map(|links| links.to_str().unwrap().to_owned())
            .unwrap_or_default();
        next = links
            .split(", ")
            .find(|link| link.ends_with("rel=\"next\""))
            .map(|link| link[1..link.find('>').unwrap()].to_owned());
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7]);
    let last = shop
        .get(&format!("audit/streams/stock/{pot}?limit=3&page=3"))
        .token(&admin)
        .await;
    assert_eq!(last.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_is_for_administrators_and_names_only_what_is_there() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let own = format!("audit/streams/user/{}", ann.id);
    assert_eq!(shop.get(&own).token(&ann.token).await.problem().0, 403);
    assert_eq!(shop.get(&own).await.problem().0, 401);
    let admin = shop.admin();
    assert_eq!(shop.get(&own).token(&admin).await.status, 200);
    for nothing in [
        format!("audit/streams/order/{}", ann.id),
        format!("audit/streams/person/{}", ann.id),
        "audit/streams/user/x".into(),
    ] {
        assert_eq!(
            shop.get(&nothing).token(&admin).await.problem().0,
            404,
            "{nothing}"
        );
    }
    assert_eq!(
        shop.get(&format!("{own}?cursor=forged"))
            .token(&admin)
            .await
            .problem()
            .0,
        422
    );
}
