use std::time::{Duration, Instant};

use serde_json::json;

use crate::shop::Shop;

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

#[tokio::test]
async fn a_cached_product_is_seen_changed_by_everyone_soon() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let id = shop.product("1", 0).await;
    let path = format!("products/{id}");
    let readers = futures::future::join_all((0..8).map(|_| async {
        let began = Instant::now();
        loop {
            let seen = shop.get(&path).await.json()["stock"].as_i64().unwrap();
            if seen == 30 {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "stuck at {seen}");
            tokio::task::yield_now().await;
        }
    }));
    let writer = async {
        for _ in 0..30 {
            shop.put(&format!("{path}/stock"))
                .token(&admin)
                .json(&json!({"change": 1}))
                .await;
        }
    };
    futures::join!(readers, writer);
}

#[tokio::test]
async fn a_position_that_is_not_reached_is_answered_with_try_again() {
    let shop = Shop::open().await;
    let id = shop.product("1", 0).await;
    shop.get(&format!("products/{id}")).await;
    let admin = shop.admin();
    for path in [
        &format!("products/{id}"),
        "products",
        "categories",
        "products/facets",
        "orders",
        "users",
    ] {
        let began = Instant::now();
        let behind = shop
            .get(path)
            .token(&admin)
            .header("daybook-min-position", "999999999")
            .await;
        assert_eq!(
            (behind.status.as_u16(), behind.code()),
            (503, "read-model-behind".into()),
            "{path}"
        );
        assert_eq!(behind.header("retry-after"), "1");
        assert!(
            (1.9..5.0).contains(&began.elapsed().as_secs_f64()),
            "{:?}",
            began.elapsed()
        );
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
