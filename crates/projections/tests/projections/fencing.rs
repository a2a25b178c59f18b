//! Only the worker that holds the lease writes, and a checkpoint only moves forward.

use std::time::Duration;

use daybook_database::{Lease, LeaseError};
use daybook_log::RecordedEvent;
use daybook_projections::{
    projection::Projection,
    runtime::{BatchError, Checkpoint, LEASES, commit_batch, run_projections},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    shop::{Shop, eventually, id, quick, stock_received},
    tally::{Stall, Tally},
};

const TTL: Duration = Duration::from_secs(60);

async fn shop_with_events(count: u64) -> (Shop, Tally, Vec<RecordedEvent>) {
    let mut shop = Shop::open().await;
    for quantity in 1..=count {
        shop.append([stock_received(id(), quantity)]).await;
    }
    let tally = Tally::create(&shop).await;
    let events = shop.all_events().await;
    (shop, tally, events)
}

async fn acquire(pool: &PgPool, holder: &str) -> Option<Lease> {
    LEASES.acquire(pool, "tally", holder, TTL).await.unwrap()
}

async fn expire(pool: &PgPool) {
    sqlx::query("update projections.leases set expires_at = clock_timestamp()")
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_worker_that_was_replaced_commits_nothing() {
    let (shop, tally, events) = shop_with_events(4).await;
    let stale = acquire(&shop.pool, "stale").await.unwrap();
    let checkpoint = Checkpoint::load(&shop.pool, &tally).await.unwrap();
    expire(&shop.pool).await;
    let current = acquire(&shop.pool, "current").await.unwrap();

    let refused = commit_batch(&shop.pool, &tally, &stale, &checkpoint, &events[..2], TTL).await;
    assert!(
        matches!(refused, Err(BatchError::Lease(LeaseError::Lost))),
        "{refused:?}"
    );
    assert_eq!(Tally::seen(&shop.pool).await, [0; 0]);
    assert_eq!(
        Checkpoint::load(&shop.pool, &tally).await.unwrap().position,
        0
    );

    commit_batch(&shop.pool, &tally, &current, &checkpoint, &events, TTL)
        .await
        .unwrap();
    assert_eq!(Tally::seen(&shop.pool).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_worker_that_stalls_with_an_open_transaction_is_replaced() {
    let (shop, tally, events) = shop_with_events(4).await;
    let stall = Stall::new();
    let stalled = {
        let (pool, tally, events) = (shop.pool.clone(), tally.stalling(&stall), events.clone());
        let ttl = Duration::from_millis(300);
        let lease = LEASES
            .acquire(&pool, "tally", "stalled", ttl)
            .await
            .unwrap()
            .unwrap();
        let checkpoint = Checkpoint::load(&pool, &tally).await.unwrap();
        tokio::spawn(
            async move { commit_batch(&pool, &tally, &lease, &checkpoint, &events, TTL).await },
        )
    };
    // It has written its rows, so that its locks block its successor.
    stall.reached.acquire().await.unwrap().forget();

    let shutdown = CancellationToken::new();
    let projections: Vec<std::sync::Arc<dyn Projection>> = vec![std::sync::Arc::new(tally)];
    let successor = tokio::spawn(run_projections(
        projections,
        shop.feed(),
        shop.pool.clone(),
        quick(),
        shutdown.clone(),
    ));
    eventually("the successor's commit", async || {
        Tally::state(&shop.pool).await.0 == 4
    })
    .await;

    stall.go_on.add_permits(1);
    assert!(stalled.await.unwrap().is_err());
    assert_eq!(Tally::seen(&shop.pool).await, [1, 2, 3, 4]);
    shutdown.cancel();
    successor.await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_never_goes_back() {
    let (shop, tally, events) = shop_with_events(4).await;
    let lease = acquire(&shop.pool, "only").await.unwrap();
    let start = Checkpoint::load(&shop.pool, &tally).await.unwrap();
    commit_batch(&shop.pool, &tally, &lease, &start, &events, TTL)
        .await
        .unwrap();
    // Its rows would be refused too; here the checkpoint alone must refuse.
    sqlx::query("delete from tally.seen")
        .execute(&shop.pool)
        .await
        .unwrap();

    let again = commit_batch(&shop.pool, &tally, &lease, &start, &events[..2], TTL).await;
    assert!(
        matches!(again, Err(BatchError::CheckpointMoved(0))),
        "{again:?}"
    );
    assert_eq!(
        Checkpoint::load(&shop.pool, &tally).await.unwrap().position,
        4
    );
    assert_eq!(Tally::seen(&shop.pool).await, [0; 0]);
}

#[tokio::test]
async fn a_worker_whose_rows_were_exchanged_meanwhile_commits_nothing() {
    let (shop, tally, events) = shop_with_events(4).await;
    let lease = acquire(&shop.pool, "only").await.unwrap();
    let before = Checkpoint::load(&shop.pool, &tally).await.unwrap();
    // As after a switch that leaves the position where it was.
    sqlx::query("update projections.checkpoints set generation = generation + 1")
        .execute(&shop.pool)
        .await
        .unwrap();
    let refused = commit_batch(&shop.pool, &tally, &lease, &before, &events, TTL).await;
    assert!(
        matches!(refused, Err(BatchError::CheckpointMoved(0))),
        "{refused:?}"
    );
    assert_eq!(Tally::seen(&shop.pool).await, [0; 0]);
}

#[tokio::test]
async fn a_gap_in_the_feed_is_not_stepped_over() {
    let (shop, tally, events) = shop_with_events(4).await;
    let lease = acquire(&shop.pool, "only").await.unwrap();
    let checkpoint = Checkpoint::load(&shop.pool, &tally).await.unwrap();
    let with_gap = [events[0].clone(), events[2].clone()];
    for (batch, after, found) in [(&with_gap[..], 1, 3), (&events[1..], 0, 2)] {
        match commit_batch(&shop.pool, &tally, &lease, &checkpoint, batch, TTL).await {
            Err(BatchError::Gap {
                expected_after,
                found: at,
            }) => assert_eq!((expected_after, at), (after, found)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Tally::seen(&shop.pool).await, [0; 0]);
}
