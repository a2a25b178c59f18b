use serde_json::json;

use crate::shop::{PASSWORD, Shop};

#[tokio::test]
async fn a_repeated_request_has_one_effect_and_one_answer() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let first = shop
        .post("products")
        .token(&admin)
        .key("k1")
        .raw(r#"{"name": "Pot", "price": 1.50}"#)
        .await;
    assert_eq!(first.status, 201, "{first:?}");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    // Formatted differently, but the same JSON.
    let again = shop
        .post("products")
        .token(&admin)
        .key("k1")
        .raw(r#"{ "price":1.5, "name":"Pot" }"#)
        .await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!(
        shop.get("products")
            .after(&again)
            .await
            .header("x-total-count"),
        "1"
    );
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let shop = Shop::open().await;
    let (admin, other) = (shop.admin(), shop.another_admin().await);
    let create = |token: &str, name: &str| {
        shop.post("products")
            .token(token)
            .key("k1")
            .json(&json!({"name": name, "price": 1}))
    };
    let first = create(&admin, "Pot").await;
    let reused = create(&admin, "Cup").await;
    assert_eq!(
        (reused.status.as_u16(), reused.code()),
        (422, "idempotency-key-reused".into())
    );
    let others = create(&other, "Cup").await;
    assert_eq!(
        others.status, 201,
        "another caller's key is another key: {others:?}"
    );
    let elsewhere = shop
        .post("categories")
        .token(&admin)
        .key("k1")
        .json(&json!({"name": "Pot"}))
        .await;
    assert_eq!(
        elsewhere.status, 201,
        "another route's key is another key: {elsewhere:?}"
    );
    let path = |reply: &crate::shop::Reply| format!("{}/stock", reply.header("location"));
    let stock = |path: String| {
        shop.put(&path)
            .token(&admin)
            .key("s1")
            .json(&json!({"change": 5}))
    };
    assert_eq!(stock(path(&first)).await.json()["stock"], 5);
    assert_eq!(
        stock(path(&first)).await.json()["stock"],
        5,
        "received once"
    );
    assert_eq!(
        stock(path(&others)).await.code(),
        "idempotency-key-reused",
        "the path is part of the request"
    );
}

#[tokio::test]
async fn a_refusal_is_repeated_too() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("1", 1).await;
    let order = || {
        shop.post("orders")
            .token(&ann.token)
            .key("o1")
            .json(&json!({"items": [{"productId": pot, "quantity": 2}]}))
    };
    let refused = order().await;
    assert_eq!(refused.status, 409);
    let restocked = shop
        .put(&format!("products/{pot}/stock"))
        .token(&shop.admin())
        .json(&json!({"change": 5}))
        .await;
    assert_eq!(restocked.status, 200);
    let again = order().await;
    assert_eq!((again.status, &again.body), (refused.status, &refused.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn what_was_malformed_is_not_remembered() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let create = |body: &str| {
        shop.post("products")
            .token(&admin)
            .key("k1")
            .raw(body.to_owned())
    };
    assert_eq!(create("{").await.status, 400);
    assert_eq!(shop.post("products").key("k1").raw("{}").await.status, 401);
    assert_eq!(create(r#"{"name": "Pot", "price": 1}"#).await.status, 201);
}

#[tokio::test]
async fn registering_twice_with_one_key_keeps_the_first_password() {
    let shop = Shop::open().await;
    let body = json!({"email": "ann@example.com", "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"});
    let first = shop.post("users/register").key("r1").json(&body).await;
    let again = shop.post("users/register").key("r1").json(&body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let mut other = body.clone();
    other["email"] = json!("bob@example.com");
    let others = shop.post("users/register").key("r1").json(&other).await;
    assert_eq!(
        others.status, 201,
        "anonymous callers share no keys: {others:?}"
    );
    let hashes: i64 = sqlx::query_scalar("select count(*) from auth.credentials")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(hashes, 2);
    let login = shop
        .post("users/login")
        .json(&json!({"email": "ann@example.com", "password": PASSWORD}))
        .await;
    assert_eq!(login.status, 200);
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("1", 100).await;
    let body = json!({"items": [{"productId": pot, "quantity": 1}]});
    let order = || async {
        shop.post("orders")
            .token(&ann.token)
            .key("o1")
            .json(&body)
            .await
    };
    let replies = futures::future::join_all((0..50).map(|_| order())).await;
    let placed: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(placed.iter().all(|reply| reply.body == placed[0].body));
    assert!(!placed.is_empty());
    for busy in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(
            (busy.status.as_u16(), busy.code()),
            (409, "idempotency-key-in-use".into())
        );
    }
    assert_eq!(shop.stock(&pot, placed[0]).await, 99);
}

#[tokio::test]
async fn a_key_is_printable_ascii() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let create = |key: &str| {
        shop.post("products")
            .token(&admin)
            .key(key)
            .json(&json!({"name": "Pot", "price": 1}))
    };
    for bad in ["", "a\tb", &"k".repeat(256)] {
        assert_eq!(
            create(bad).await.code(),
            "invalid-idempotency-key",
            "{bad:?}"
        );
    }
    assert_eq!(create(&"k".repeat(255)).await.status, 201);
}
