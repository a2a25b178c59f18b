use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::Shop;

#[tokio::test]
async fn a_products_prices_are_public_and_exact() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let path = format!("products/{pot}");
    for price in ["15.00", "11.10"] {
        let body = format!(r#"{{"price": {price}}}"#);
        let changed = shop.put(&path).token(&admin).raw(body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let unrelated = json!({"description": "For tea"});
    let last = shop.put(&path).token(&admin).json(&unrelated).await;
    let history = shop
        .get(&format!("{path}/price-history"))
        .after(&last)
        .await;
    assert_eq!(history.status, 200, "{history:?}");
    let text = history.text();
    for exact in [
        r#""price":11.10,"currency":"EUR","lowestPrice30Days":11.10"#,
        r#""price":15.00"#,
        r#""price":12.50"#,
    ] {
        assert!(text.contains(exact), "{exact} in {text}");
    }
    let prices = history.json()["prices"].as_array().unwrap().clone();
    assert_eq!(prices.len(), 3);
    assert_eq!(prices[0]["until"], Value::Null);
    assert_eq!(prices[0]["priorPrice"], json!(12.5), "and not 15");
    assert_eq!(prices[1].get("priorPrice"), None, "it went up");
    assert_eq!(prices[1]["until"], prices[0]["from"]);
    assert_eq!(prices[2]["until"], prices[1]["from"]);
    let made = shop.get(&path).after(&last).await.json();
    assert_eq!(prices[2]["from"], made["createdAt"]);

    assert_eq!(shop.delete(&path).token(&admin).await.status, 204);
    let retired = shop.get(&format!("{path}/price-history")).await;
    assert_eq!(retired.code(), "not-found");
    let nothing = format!("products/{}/price-history", Uuid::now_v7());
    assert_eq!(shop.get(&nothing).await.code(), "not-found");
}
