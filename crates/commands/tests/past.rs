//! Streams as they were, from the beginning or from a snapshot.

use std::time::Duration;

use crate::support::*;
use daybook_commands::ChangeStock;
use daybook_domain::{ProductId, StreamId};
use daybook_log::{Feed, Position};
use futures::future::join_all;
use sqlx::{query, query_scalar};
use tokio::time::{sleep, timeout};

const EVENTS: i64 = 1_500;

/// A stock to which every event adds one unit.
async fn growing_stock(shop: &Shop) -> ProductId {
    let product = shop.product(1).await;
    let receive = || ChangeStock {
        product_id: product,
        change: 1,
        reason: None,
        expected_version: None,
    };
    for _ in 1..EVENTS / 500 {
        let codes = join_all((0..500).map(|_| code(&shop.bus, receive()))).await;
        assert!(codes.iter().all(String::is_empty));
    }
    let codes = join_all((0..499).map(|_| code(&shop.bus, receive()))).await;
    assert!(codes.iter().all(String::is_empty));
    product
}

async fn position_of(shop: &Shop, stream: StreamId, sequence: i64) -> Position {
    query_scalar(
        "select position from log.events where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
    )
    .bind(stream.aggregate_type.as_str())
    .bind(stream.id.to_string())
    .bind(sequence)
    .fetch_one(&shop.pool)
    .await
    .unwrap()
}

async fn units(feed: &Feed, stream: StreamId, position: Position) -> (i64, u64) {
    let found = feed.state_at(stream, position).await.unwrap();
    (found.version, found.state.as_stock().unwrap().available())
}

#[tokio::test]
async fn a_long_stream_is_as_it_was_at_each_position() {
    let shop = Shop::open().await;
    let stream = StreamId::stock(growing_stock(&shop).await);
    let feed = Feed::new(shop.pool.clone(), shop.codec.clone());
    let kept = async {
        let snapshot = "select max(version) from commands.snapshots where aggregate_type = 'stock'";
        loop {
            let version: Option<i64> = query_scalar(snapshot).fetch_one(&shop.pool).await.unwrap();
            match version {
                Some(version) => break version,
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let snapshot = timeout(PATIENCE, kept).await.expect("a snapshot is kept");
    assert!((2..EVENTS).contains(&snapshot));
    assert_eq!(units(&feed, stream, 0).await, (0, 0));
    for sequence in [
        1,
        2,
        999,
        1_000,
        1_001,
        snapshot - 1,
        snapshot,
        snapshot + 1,
        EVENTS,
    ] {
        let position = position_of(&shop, stream, sequence).await;
        let expected = (sequence, sequence.unsigned_abs());
        assert_eq!(units(&feed, stream, position).await, expected);
    }
    let before = position_of(&shop, stream, 1).await - 1;
    assert_eq!(units(&feed, stream, before).await, (0, 0));

    // With an early event out of reach, only what is read from the snapshot on is known.
    let superuser = shop.database.superuser_pool().unwrap();
    query("update log.events set payload = '{}' where aggregate_type = 'stock' and sequence = 1")
        .execute(&superuser)
        .await
        .unwrap();
    let at_snapshot = position_of(&shop, stream, snapshot).await;
    let from_snapshot = units(&feed, stream, at_snapshot).await;
    assert_eq!(from_snapshot, (snapshot, snapshot.unsigned_abs()));
    let too_old = position_of(&shop, stream, snapshot - 1).await;
    assert!(feed.state_at(stream, too_old).await.is_err());
}
