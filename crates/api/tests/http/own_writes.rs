use std::time::{Duration, Instant};

use daybook_api::app::HttpConfig;
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, without_rate_limits};

#[tokio::test]
async fn a_query_sees_what_its_caller_wrote_however_often() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let id = shop.product("1", 0).await;
    let path = format!("products/{id}");
    for stock in 1..=50 {
        // Fills the cache with what is about to be outdated.
        shop.get(&path).await;
        let changed = shop
            .put(&format!("{path}/stock"))
            .token(&admin)
            .json(&json!({"change": 1}))
            .await;
        assert_eq!(changed.json()["stock"], stock);
        let seen = shop.get(&path).after(&changed).await;
        assert_eq!(seen.json()["stock"], stock);
        assert_eq!(seen.header("etag"), changed.header("etag"));
    }
}

/// Changes the read model directly in its table, so that only a read of the table would show it.
#[tokio::test]
async fn a_product_is_answered_from_memory_until_it_changes() {
    let shop = Shop::open().await;
    let id = shop.product("1", 5).await;
    let path = format!("products/{id}");
    let superuser = shop.database.superuser_pool().unwrap();
    let forged = sqlx::query("update catalog.products set name = 'Forged'")
        .execute(&superuser)
        .await
        .unwrap();
    assert_eq!(forged.rows_affected(), 1);
    assert_eq!(shop.get(&path).await.json()["name"], "Teapot");
    let changed = shop
        .put(&format!("{path}/stock"))
        .token(&shop.admin())
        .json(&json!({"change": 1}))
        .await;
    let seen = shop.get(&path).after(&changed).await.json();
    assert_eq!(
        (seen["name"].as_str(), seen["stock"].as_i64()),
        (Some("Forged"), Some(6))
    );
}

/// A row that was read before a change must not be stored after it.
#[tokio::test(flavor = "multi_thread")]
async fn readers_at_the_same_time_leave_nothing_outdated_behind() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let id = shop.product("1", 0).await;
    let path = format!("products/{id}");
    for round in 1..=30 {
        let readers = futures::future::join_all((0..8).map(|_| async { shop.get(&path).await }));
        let body = json!({"change": 1});
        let stock = format!("{path}/stock");
        let writer = async { shop.put(&stock).token(&admin).json(&body).await };
        let (_, changed) = futures::join!(readers, writer);
        assert_eq!(shop.stock(&id, &changed).await, round);
    }
}

#[tokio::test]
async fn a_position_that_is_not_reached_is_answered_with_try_again() {
    let shop = Shop::open().await;
    let path = format!("products/{}", shop.product("1", 0).await);
    assert_eq!(
        shop.get(&path).await.status,
        200,
        "and is cached from here on"
    );
    let began = Instant::now();
    let behind = shop
        .get(&path)
        .header("daybook-min-position", "999999999")
        .await;
    assert_eq!(
        (behind.status.as_u16(), behind.code()),
        (503, "read-model-behind".into())
    );
    assert_eq!(behind.header("retry-after"), "1");
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn every_query_knows_when_it_is_behind() {
    let patience = Duration::from_millis(10);
    let config = HttpConfig {
        read_your_writes_timeout: patience,
        ..without_rate_limits()
    };
    let shop = Shop::open_with(config).await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let id = Uuid::now_v7();
    for path in [
        format!("products/{id}"),
        format!("products/{id}?asOf=1"),
        format!("products/{id}/stock"),
        format!("products/{id}/price-history"),
        "products".into(),
        "products/facets".into(),
        "categories".into(),
        format!("categories/{id}"),
        "orders".into(),
        format!("orders/{id}"),
        format!("orders/{id}?asOf=1"),
        format!("orders/{id}/history"),
        "users".into(),
        format!("users/{}", ann.id),
        format!("users/{}?asOf=1", ann.id),
        format!("users/{}/export", ann.id),
        format!("audit/streams/user/{}/diff", ann.id),
        "analytics/sales".into(),
        "analytics/top-products".into(),
        "analytics/customers".into(),
        "analytics/cohorts".into(),
        "analytics/funnel".into(),
        "audit/events".into(),
        format!("audit/streams/user/{}", ann.id),
        format!("audit/correlations/{id}"),
        "projections".into(),
        "projections/catalog".into(),
        "projections/catalog/dead-letters".into(),
        "projections/catalog/actions".into(),
    ] {
        let behind = shop
            .get(&path)
            .token(&admin)
            .header("daybook-min-position", "999999999")
            .await;
        assert_eq!(behind.code(), "read-model-behind", "{path}");
    }
}

#[tokio::test]
async fn a_position_that_is_none_is_malformed() {
    let shop = Shop::open().await;
    for bad in ["x", "-1", "1.5", "", "+1", "99999999999999999999", "1, 2"] {
        let refused = shop
            .get("products")
            .header("daybook-min-position", bad)
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "malformed-position".into()),
            "{bad:?}"
        );
    }
    assert_eq!(
        shop.get("products")
            .header("daybook-min-position", "0")
            .await
            .status,
        200
    );
}
