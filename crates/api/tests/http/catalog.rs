use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Reply, Shop};

async fn create(shop: &Shop, body: &str) -> Reply {
    shop.post("products")
        .token(&shop.admin())
        .raw(body.to_owned())
        .await
}

#[tokio::test]
async fn a_product_is_made_seen_changed_and_retired() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let made = create(&shop, r#"{"name": "Teapot", "description": "Holds tea.", "price": 12.50, "stock": 7, "sku": "T-1"}"#).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(
        made.text()
            .contains(r#""price":12.50,"currency":"EUR","stock":7"#),
        "{made:?}"
    );
    assert_eq!(made.header("etag"), "\"1.1\"");
    let path = made.header("location").to_owned();
    let seen = shop.get(&path).after(&made).await;
    assert_eq!(
        seen.body, made.body,
        "the read model shows what the command answered"
    );
    assert_eq!(seen.header("etag"), "\"1.1\"");

    let changed = shop
        .put(&path)
        .token(&admin)
        .raw(r#"{"name": "Big teapot", "price": 15}"#)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(changed.text().contains(r#""price":15.00"#), "{changed:?}");
    assert_eq!(changed.header("etag"), "\"3.1\"", "described and repriced");
    assert_eq!(shop.get(&path).after(&changed).await.body, changed.body);

    let same = shop
        .put(&path)
        .token(&admin)
        .raw(r#"{"name": "Big teapot"}"#)
        .await;
    assert_eq!(
        same.header("etag"),
        "\"3.1\"",
        "what changes nothing is no event"
    );

    let gone = shop.delete(&path).token(&admin).await;
    assert_eq!(
        (gone.status.as_u16(), gone.body.len()),
        (204, 0),
        "{gone:?}"
    );
    assert_eq!(shop.get(&path).after(&gone).await.problem().0, 404);
    assert_eq!(shop.get("products").after(&gone).await.text(), "[]");
    assert_eq!(
        shop.put(&path)
            .token(&admin)
            .raw(r#"{"name": "Pot"}"#)
            .await
            .problem()
            .0,
        404
    );
    assert_eq!(shop.delete(&path).token(&admin).await.problem().0, 404);
}

#[tokio::test]
async fn money_is_exact_and_has_its_currencys_places() {
    let shop = Shop::open().await;
    for (price, currency, shown) in [
        ("0.29", "EUR", "0.29"),
        ("1.1", "EUR", "1.10"),
        ("0", "EUR", "0.00"),
        ("99999999.99", "EUR", "99999999.99"),
        ("500", "JPY", "500"),
        ("1.234", "BHD", "1.234"),
    ] {
        let made = create(
            &shop,
            &format!(r#"{{"name": "x", "price": {price}, "currency": "{currency}"}}"#),
        )
        .await;
        let expected = format!(r#""price":{shown},"currency":"{currency}""#);
        assert!(
            made.text().contains(&expected),
            "{price} {currency}: {made:?}"
        );
    }
    for (price, pointer, code) in [
        ("12.505", "/price", "too-many-places"),
        ("1e2", "/price", "exponent"),
        ("100000000", "/price", ""),
        ("-0.01", "/price", ""),
        ("123456789012345678901234567890", "/price", "too-large"),
        ("\"12.50\"", "/price", "invalid-type"),
        ("null", "/price", "invalid-type"),
    ] {
        let refused = create(&shop, &format!(r#"{{"name": "x", "price": {price}}}"#)).await;
        assert_eq!(
            refused.problem(),
            (422, "invalid-field".into(), pointer.into()),
            "{price}: {refused:?}"
        );
        if !code.is_empty() {
            assert_eq!(refused.json()["errors"][0]["code"], code, "{price}");
        }
    }
    for currency in ["eur", "XXX", "EURO", ""] {
        let refused = create(
            &shop,
            &format!(r#"{{"name": "x", "price": 1, "currency": "{currency}"}}"#),
        )
        .await;
        assert_eq!(
            refused.problem(),
            (422, "invalid-field".into(), "/currency".into())
        );
    }
}

#[tokio::test]
async fn a_new_price_is_in_the_products_currency() {
    let shop = Shop::open().await;
    let made = create(
        &shop,
        r#"{"name": "Sencha", "price": 500, "currency": "JPY"}"#,
    )
    .await;
    let path = made.header("location").to_owned();
    let refused = shop
        .put(&path)
        .token(&shop.admin())
        .raw(r#"{"price": 5.50}"#)
        .await;
    assert_eq!(
        refused.problem(),
        (422, "invalid-field".into(), "/price".into())
    );
    let changed = shop
        .put(&path)
        .token(&shop.admin())
        .raw(r#"{"price": 550}"#)
        .await;
    assert!(
        changed.text().contains(r#""price":550,"currency":"JPY""#),
        "{changed:?}"
    );
    let nowhere = format!("products/{}", Uuid::now_v7());
    assert_eq!(
        shop.put(&nowhere)
            .token(&shop.admin())
            .raw(r#"{"price": 1}"#)
            .await
            .problem()
            .0,
        404
    );
}

#[tokio::test]
async fn stock_is_received_and_written_off_but_never_below_zero() {
    let shop = Shop::open().await;
    let id = shop.product("12.50", 5).await;
    let path = format!("products/{id}/stock");
    let admin = shop.admin();
    let change = |body: Value| shop.put(&path).token(&admin).json(&body);
    let fewer = change(json!({"change": -1, "reason": "broken"})).await;
    assert_eq!(
        (fewer.status.as_u16(), fewer.json()),
        (200, json!({"id": id, "stock": 4})),
        "{fewer:?}"
    );
    assert_eq!(shop.stock(&id, &fewer).await, 4);
    assert_eq!(change(json!({"change": 10})).await.json()["stock"], 14);
    let short = change(json!({"change": -15})).await;
    assert_eq!(short.problem().0, 409, "{short:?}");
    assert_eq!(short.code(), "out-of-stock");
    assert_eq!(
        short.json()["products"],
        json!([{"productId": id, "requested": 15, "available": 14}])
    );
    for (body, pointer) in [
        (json!({"change": 0}), "/change"),
        (json!({"change": 1.5}), "/change"),
        (json!({"change": "1"}), "/change"),
        (json!({}), "/change"),
    ] {
        let refused = change(body.clone()).await;
        assert_eq!(
            refused.problem(),
            (422, "invalid-field".into(), pointer.into()),
            "{body}"
        );
    }
    for beyond in [
        json!(i64::MAX),
        json!(i64::MIN),
        json!(2_000_000_000),
        json!(u64::MAX),
    ] {
        let refused = change(json!({"change": beyond})).await;
        assert!(
            [409, 422].contains(&refused.status.as_u16()),
            "{beyond}: {refused:?}"
        );
    }
    assert_eq!(change(json!({"change": 1})).await.json()["stock"], 15);
    let nowhere = format!("products/{}/stock", Uuid::now_v7());
    assert_eq!(
        shop.put(&nowhere)
            .token(&admin)
            .json(&json!({"change": 1}))
            .await
            .problem()
            .0,
        404
    );
}

#[tokio::test]
async fn categories_are_made_used_and_removed() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let made = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": "Tea ware"}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["description"], "");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = made.header("location").to_owned();
    assert_eq!(shop.get(&path).after(&made).await.body, made.body);
    let taken = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": " TEA  ware "}))
        .await;
    assert_eq!(
        taken.problem(),
        (409, "category-name-taken".into(), "/name".into())
    );

    let product = create(
        &shop,
        &format!(r#"{{"name": "Teapot", "price": 1, "categoryId": "{id}"}}"#),
    )
    .await;
    assert_eq!(product.json()["categoryId"], id, "{product:?}");
    let in_use = shop.delete(&path).token(&admin).await;
    assert_eq!(
        (in_use.status.as_u16(), in_use.code()),
        (409, "category-in-use".into())
    );
    let product_path = product.header("location").to_owned();
    let moved = shop
        .put(&product_path)
        .token(&admin)
        .json(&json!({"categoryId": null}))
        .await;
    assert_eq!(moved.json()["categoryId"], Value::Null, "{moved:?}");

    let renamed = shop
        .put(&path)
        .token(&admin)
        .json(&json!({"name": "Pots"}))
        .await;
    assert_eq!(
        (renamed.status.as_u16(), renamed.header("etag")),
        (200, "\"2\""),
        "{renamed:?}"
    );
    let listed = shop.get("categories").after(&renamed).await;
    assert_eq!(
        (
            listed.header("x-total-count"),
            listed.json()[0]["name"].as_str()
        ),
        ("1", Some("Pots"))
    );
    assert_eq!(shop.delete(&path).token(&admin).await.status, 204);
    assert_eq!(shop.delete(&path).token(&admin).await.problem().0, 404);
    let unknown = create(
        &shop,
        &format!(r#"{{"name": "Teapot", "price": 1, "categoryId": "{id}"}}"#),
    )
    .await;
    assert_eq!(
        unknown.problem(),
        (422, "unknown-category".into(), "/categoryId".into())
    );
}

#[tokio::test]
async fn a_sku_belongs_to_one_product() {
    let shop = Shop::open().await;
    let body = r#"{"name": "Teapot", "price": 1, "sku": "T-1"}"#;
    assert_eq!(create(&shop, body).await.status, 201);
    assert_eq!(
        create(&shop, body).await.problem(),
        (409, "sku-taken".into(), "/sku".into())
    );
}

#[tokio::test]
async fn only_administrators_change_the_catalog() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let id = shop.product("1", 1).await;
    let product = format!("products/{id}");
    let stock = format!("products/{id}/stock");
    let category = format!("categories/{}", Uuid::now_v7());
    let calls = || {
        [
            shop.post("products")
                .json(&json!({"name": "x", "price": 1})),
            shop.put(&product).json(&json!({"price": 0})),
            shop.delete(&product),
            shop.put(&stock).json(&json!({"change": 1})),
            shop.post("categories").json(&json!({"name": "x"})),
            shop.put(&category).json(&json!({"name": "x"})),
            shop.delete(&category),
        ]
    };
    for call in calls() {
        assert_eq!(call.await.status, 401);
    }
    for call in calls() {
        assert_eq!(call.token(&ann.token).await.problem().0, 403);
    }
}
