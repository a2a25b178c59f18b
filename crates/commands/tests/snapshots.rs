//! Long streams are loaded starting from their snapshots.

use std::time::Duration;

use crate::support::*;
use daybook_commands::ChangeStock;
use daybook_domain::{ProductId, StreamId};
use futures::future::join_all;
use sqlx::{Connection, PgConnection, query, query_scalar};
use tokio::time::{sleep, timeout};

const EVENTS: usize = 2_500;

async fn long_stock(shop: &Shop) -> ProductId {
    let product = shop.product(1).await;
    let receive = || ChangeStock {
        product_id: product,
        change: 1,
        reason: None,
        expected_version: None,
    };
    for _ in 0..EVENTS / 500 {
        let codes = join_all((0..500).map(|_| code(&shop.bus, receive()))).await;
        assert!(codes.iter().all(String::is_empty));
    }
    product
}

async fn snapshot_version(shop: &Shop, product: ProductId) -> i64 {
    let version = "select coalesce(max(version), 0) from commands.snapshots
         where aggregate_type = 'stock' and aggregate_id = $1";
    query_scalar(version)
        .bind(product.to_string())
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_long_stream_is_loaded_from_its_snapshot() {
    let shop = Shop::open().await;
    let product = long_stock(&shop).await;
    let kept = async {
        while snapshot_version(&shop, product).await < 2_000 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, kept)
        .await
        .expect("a snapshot is kept about every thousand events");

    // With an early event out of reach, only a load from the snapshot succeeds.
    let mut superuser = PgConnection::connect(&shop.database.superuser_url())
        .await
        .unwrap();
    query("update log.events set payload = '{}' where aggregate_type = 'stock' and aggregate_id = $1 and sequence = 7")
        .bind(product.to_string())
        .execute(&mut superuser)
        .await
        .unwrap();
    let elsewhere = shop.another_bus();
    let loaded = elsewhere.load(StreamId::stock(product)).await.unwrap();
    assert_eq!(loaded.version, EVENTS as i64 + 1);
    assert_eq!(
        loaded.state.as_stock().unwrap().available(),
        EVENTS as u64 + 1
    );
    let customer = shop.customer().await;
    assert_eq!(code(&elsewhere, order(customer, &[(product, 1)])).await, "");
}

#[tokio::test]
async fn a_snapshot_of_another_format_or_none_at_all_changes_nothing() {
    let shop = Shop::open().await;
    let product = long_stock(&shop).await;
    for statement in [
        "update commands.snapshots set format = 'old', state = 'nonsense'",
        "delete from commands.snapshots",
    ] {
        query(statement).execute(&shop.pool).await.unwrap();
        let loaded = shop
            .another_bus()
            .load(StreamId::stock(product))
            .await
            .unwrap();
        assert_eq!(
            loaded.state.as_stock().unwrap().available(),
            EVENTS as u64 + 1,
            "{statement}"
        );
    }
}
