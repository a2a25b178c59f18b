use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn a_change_meant_for_an_older_version_is_refused() {
    let shop = Shop::open().await;
    let id = shop.product("12.50", 3).await;
    let (path, admin) = (format!("products/{id}"), shop.admin());
    let rename = |name: &str, tag: &str| {
        shop.put(&path)
            .token(&admin)
            .header("if-match", tag)
            .json(&json!({"name": name}))
    };
    assert_eq!(rename("A", "\"1.1\"").await.status, 200);
    let stale = rename("B", "\"1.1\"").await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "version-conflict".into())
    );
    // The stock is not the product's own part: a sale must not invalidate an edit.
    let sold = shop
        .put(&format!("{path}/stock"))
        .token(&admin)
        .json(&json!({"change": -1}))
        .await;
    assert_eq!(sold.header("etag"), "\"2.2\"");
    assert_eq!(rename("C", "\"2.1\"").await.status, 200);
    assert_eq!(
        rename("D", "\"1.1\", \"3.9\"").await.status,
        200,
        "one of several is enough"
    );
    assert_eq!(rename("E", "*").await.status, 200);
    for never in ["W/\"5.2\"", "\"abc\"", "\"05.2\"", "\"4.2\", \"6.2\""] {
        assert_eq!(rename("F", never).await.status, 412, "{never}");
    }
    for malformed in ["5", "\"5", "5.2", "*, \"5.2\""] {
        let refused = rename("G", malformed).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "malformed-etag".into()),
            "{malformed}"
        );
    }
    let retire = |tag: &str| shop.delete(&path).token(&admin).header("if-match", tag);
    assert_eq!(retire("\"4.2\"").await.status, 412);
    assert_eq!(retire("\"5.2\"").await.status, 204);
}

#[tokio::test]
async fn categories_and_profiles_are_conditional_too() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let made = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": "Tea"}))
        .await;
    let category = made.header("location").to_owned();
    let change = |tag: &str| {
        shop.put(&category)
            .token(&admin)
            .header("if-match", tag)
            .json(&json!({"description": "x"}))
    };
    assert_eq!(change("\"2\"").await.status, 412);
    assert_eq!(change("\"1\"").await.status, 200);
    assert_eq!(
        shop.delete(&category)
            .token(&admin)
            .header("if-match", "\"1\"")
            .await
            .status,
        412
    );
    assert_eq!(
        shop.delete(&category)
            .token(&admin)
            .header("if-match", "\"2\"")
            .await
            .status,
        204
    );

    let path = format!("users/{}", ann.id);
    let rename = |tag: &str, name: &str| {
        shop.put(&path)
            .token(&ann.token)
            .header("if-match", tag)
            .json(&json!({"firstName": name}))
    };
    assert_eq!(rename("\"1\"", "A").await.status, 200);
    assert_eq!(rename("\"1\"", "B").await.status, 412);
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let shop = Shop::open().await;
    let id = shop.product("12.50", 3).await;
    let path = format!("products/{id}");
    for held in ["\"1.1\"", "W/\"1.1\"", "\"9\", \"1.1\"", "*"] {
        let answer = shop.get(&path).header("if-none-match", held).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (304, 0),
            "{held}"
        );
        assert_eq!(answer.header("etag"), "\"1.1\"");
    }
    for other in ["\"1.2\"", "\"1\"", "nonsense"] {
        assert_eq!(
            shop.get(&path).header("if-none-match", other).await.status,
            200,
            "{other}"
        );
    }
    let ann = shop.customer().await;
    let order = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": id, "quantity": 1}]}))
        .await;
    let order_path = order.header("location").to_owned();
    let again = shop
        .get(&order_path)
        .token(&ann.token)
        .after(&order)
        .header("if-none-match", order.header("etag"))
        .await;
    assert_eq!(again.status, 304);
    let profile = shop
        .get(&format!("users/{}", ann.id))
        .token(&ann.token)
        .after(&order)
        .header("if-none-match", "\"1\"")
        .await;
    assert_eq!(profile.status, 304);
}
