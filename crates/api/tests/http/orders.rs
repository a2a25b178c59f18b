use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Customer, Reply, Shop};

async fn place(shop: &Shop, customer: &Customer, items: Value) -> Reply {
    shop.post("orders")
        .token(&customer.token)
        .json(&json!({"items": items}))
        .await
}

#[tokio::test]
async fn an_order_is_placed_processed_shipped_and_delivered() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let (pot, cup) = (
        shop.product("12.50", 10).await,
        shop.product("0.10", 10).await,
    );
    let placed = place(
        &shop,
        &ann,
        json!([{"productId": pot, "quantity": 2}, {"productId": cup, "quantity": 3}]),
    )
    .await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let order = placed.json();
    assert_eq!(
        (order["status"].as_str(), order["userId"].as_str()),
        (Some("pending"), Some(ann.id.as_str()))
    );
    assert!(
        placed
            .text()
            .contains(r#""totalAmount":25.30,"currency":"EUR""#),
        "{placed:?}"
    );
    assert!(
        placed.text().contains(r#""quantity":3,"unitPrice":0.10"#),
        "{placed:?}"
    );
    let path = placed.header("location").to_owned();
    assert_eq!(
        shop.get(&path).token(&ann.token).after(&placed).await.body,
        placed.body
    );
    assert_eq!(shop.stock(&pot, &placed).await, 8);

    let step = |step: &str, body: Value| {
        shop.post(&format!("{path}/{step}"))
            .token(&admin)
            .json(&body)
    };
    let too_early = step("ship", json!({})).await;
    assert_eq!(
        (too_early.status.as_u16(), too_early.code()),
        (409, "invalid-transition".into())
    );
    assert_eq!(
        step("process", json!({})).await.json()["status"],
        "processing"
    );
    let shipped = step("ship", json!({"carrier": "Post", "trackingNumber": "T1"})).await;
    assert_eq!(shipped.json()["status"], "shipped");
    let too_late = shop
        .post(&format!("{path}/cancel"))
        .token(&ann.token)
        .json(&json!({}))
        .await;
    assert_eq!(
        (too_late.status.as_u16(), too_late.code()),
        (409, "already-shipped".into())
    );
    let delivered = step("deliver", json!({})).await;
    assert_eq!(
        (
            delivered.json()["status"].as_str(),
            delivered.header("etag")
        ),
        (Some("delivered"), "\"4\"")
    );

    let history = shop
        .get(&format!("{path}/history"))
        .token(&ann.token)
        .after(&delivered)
        .await;
    let history = history.json();
    let statuses: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["pending", "processing", "shipped", "delivered"]);
    assert_eq!(history[0]["actor"], format!("user:{}", ann.id));
    assert_eq!(
        (
            history[2]["carrier"].as_str(),
            history[2]["trackingNumber"].as_str()
        ),
        (Some("Post"), Some("T1"))
    );
    assert_eq!(history[0]["at"], order["createdAt"]);
}

#[tokio::test]
async fn a_cancelled_orders_units_come_back() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("12.50", 5).await;
    let placed = place(&shop, &ann, json!([{"productId": pot, "quantity": 5}])).await;
    assert_eq!(shop.stock(&pot, &placed).await, 0);
    let path = format!("{}/cancel", placed.header("location"));
    let cancelled = shop
        .post(&path)
        .token(&ann.token)
        .json(&json!({"reason": "too many"}))
        .await;
    assert_eq!(
        (
            cancelled.status.as_u16(),
            cancelled.json()["status"].as_str()
        ),
        (200, Some("cancelled"))
    );
    assert_eq!(shop.stock(&pot, &cancelled).await, 5);
    assert_eq!(
        shop.post(&path)
            .token(&ann.token)
            .json(&json!({}))
            .await
            .problem()
            .0,
        409
    );
}

#[tokio::test]
async fn an_order_for_more_than_there_is_reserves_nothing() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let (pot, cup) = (shop.product("12.50", 5).await, shop.product("1", 1).await);
    let short = place(
        &shop,
        &ann,
        json!([{"productId": pot, "quantity": 1}, {"productId": cup, "quantity": 2}]),
    )
    .await;
    assert_eq!(
        (short.status.as_u16(), short.code()),
        (409, "out-of-stock".into())
    );
    assert_eq!(
        short.json()["products"],
        json!([{"productId": cup, "requested": 2, "available": 1}])
    );
    assert_eq!(shop.stock(&pot, &short).await, 5);
}

#[tokio::test]
async fn what_is_no_order_is_refused_with_the_field() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("12.50", 5).await;
    let item = |quantity: Value| json!({"productId": pot, "quantity": quantity});
    let cases = [
        (json!([]), "invalid-field", "/items"),
        (
            json!([item(json!(0))]),
            "invalid-field",
            "/items/0/quantity",
        ),
        (
            json!([item(json!(-1))]),
            "invalid-field",
            "/items/0/quantity",
        ),
        (
            json!([item(json!(10_001))]),
            "invalid-field",
            "/items/0/quantity",
        ),
        (
            json!([item(json!("1"))]),
            "invalid-field",
            "/items/0/quantity",
        ),
        (
            json!([item(json!(1)), item(json!(1))]),
            "invalid-field",
            "/items/1/productId",
        ),
        (
            json!([{"productId": "x", "quantity": 1}]),
            "invalid-field",
            "/items/0/productId",
        ),
        (
            json!([{"productId": pot, "quantity": 1, "unitPrice": 0.01}]),
            "unknown-field",
            "/items/0/unitPrice",
        ),
        (
            json!([{"productId": Uuid::now_v7(), "quantity": 1}]),
            "unknown-product",
            "/items/0/productId",
        ),
        (json!([[pot, 1]]), "invalid-field", "/items/0"),
        (json!({}), "invalid-field", "/items"),
    ];
    for (items, code, pointer) in cases {
        let refused = place(&shop, &ann, items.clone()).await;
        assert_eq!(
            refused.problem(),
            (422, code.into(), pointer.into()),
            "{items}: {refused:?}"
        );
    }
    let address = json!({"name": "Ann", "line1": "1 Lane", "city": "Bonn", "postalCode": "1", "country": "Germany"});
    let body = json!({"items": [item(json!(1))], "shippingAddress": address});
    let refused = shop.post("orders").token(&ann.token).json(&body).await;
    assert_eq!(
        refused.problem(),
        (
            422,
            "invalid-field".into(),
            "/shippingAddress/country".into()
        )
    );
}

#[tokio::test]
async fn a_shipping_address_is_taken_and_shown_to_nobody() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("12.50", 5).await;
    let address = json!({"name": "Ann Lee", "line1": "1 Secret Lane", "city": "Bonn", "postalCode": "53111", "country": "DE"});
    let body = json!({"items": [{"productId": pot, "quantity": 1}], "shippingAddress": address});
    let placed = shop.post("orders").token(&ann.token).json(&body).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    assert!(!placed.text().contains("Secret Lane"));
    let payloads: Vec<String> = sqlx::query_scalar("select payload::text from log.events")
        .fetch_all(&shop.pool)
        .await
        .unwrap();
    assert!(
        payloads
            .iter()
            .all(|payload| !payload.contains("Secret Lane")),
        "sealed in the log"
    );
}

#[tokio::test]
async fn someone_elses_order_is_not_there() {
    let shop = Shop::open().await;
    let (ann, bob, admin) = (shop.customer().await, shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 5).await;
    let placed = place(&shop, &ann, json!([{"productId": pot, "quantity": 1}])).await;
    let path = placed.header("location").to_owned();
    for foreign in [
        shop.get(&path).token(&bob.token).after(&placed),
        shop.get(&format!("{path}/history"))
            .token(&bob.token)
            .after(&placed),
        shop.post(&format!("{path}/cancel"))
            .token(&bob.token)
            .json(&json!({})),
    ] {
        assert_eq!(foreign.await.problem().0, 404);
    }
    assert_eq!(
        shop.get("orders")
            .token(&bob.token)
            .after(&placed)
            .await
            .text(),
        "[]"
    );
    let asking_for_anns = format!("orders?userId={}", ann.id);
    assert_eq!(
        shop.get(&asking_for_anns)
            .token(&bob.token)
            .after(&placed)
            .await
            .text(),
        "[]"
    );
    for step in ["process", "ship", "deliver"] {
        let refused = shop
            .post(&format!("{path}/{step}"))
            .token(&ann.token)
            .json(&json!({}))
            .await;
        assert_eq!(refused.problem().0, 403, "{step}");
    }
    assert_eq!(
        shop.get(&asking_for_anns)
            .token(&admin)
            .after(&placed)
            .await
            .header("x-total-count"),
        "1"
    );
    assert_eq!(
        shop.get("orders?status=pending")
            .token(&admin)
            .await
            .header("x-total-count"),
        "1"
    );
    assert_eq!(
        shop.get("orders?status=shipped")
            .token(&admin)
            .await
            .header("x-total-count"),
        "0"
    );
    assert_eq!(
        shop.get("orders?status=lost").token(&admin).await.problem(),
        (422, "invalid-parameter".into(), "/status".into())
    );
    assert_eq!(shop.get(&path).token(&admin).await.status, 200);
}

#[tokio::test]
async fn an_account_that_is_not_there_places_no_order() {
    let shop = Shop::open().await;
    let pot = shop.product("12.50", 5).await;
    let token = shop.token(Uuid::now_v7().into(), [daybook_domain::user::Role::User]);
    let refused = shop
        .post("orders")
        .token(&token)
        .json(&json!({"items": [{"productId": pot, "quantity": 1}]}))
        .await;
    assert_eq!(refused.problem().0, 404, "{refused:?}");
}

#[tokio::test]
async fn a_retired_product_cannot_be_ordered() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("12.50", 5).await;
    assert_eq!(
        shop.delete(&format!("products/{pot}"))
            .token(&shop.admin())
            .await
            .status,
        204
    );
    let refused = place(&shop, &ann, json!([{"productId": pot, "quantity": 1}])).await;
    assert_eq!(
        refused.problem(),
        (422, "product-retired".into(), "/items/0/productId".into())
    );
}

#[tokio::test]
async fn twenty_units_are_sold_twenty_times() {
    let shop = Shop::open().await;
    let pot = shop.product("12.50", 20).await;
    let ann = shop.customer().await;
    let body = json!([{"productId": pot, "quantity": 1}]);
    let replies =
        futures::future::join_all((0..60).map(|_| place(&shop, &ann, body.clone()))).await;
    let count = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((count(201), count(409)), (20, 40));
    let last = replies.iter().max_by_key(|reply| reply.position()).unwrap();
    assert_eq!(shop.stock(&pot, last).await, 0);
}
