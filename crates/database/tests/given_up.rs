//! Whoever gives up on a transaction leaves its connection to the next as if it had never been asked for.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use daybook_database::{MIGRATOR, begin};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, query, query_scalar};

/// Looks at a future so many times, as often as it asks to be looked at, and then drops it.
async fn give_up_after<F: Future>(looks: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = looks;
    poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A shop's database, and a pool that has but one connection to give.
async fn one_connection() -> (TestDatabase, PgPool) {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&database.server_url())
        .await
        .unwrap();
    (database, pool)
}

/// Fails with sqlx's `Pool::begin`.
#[tokio::test]
async fn a_beginning_given_up_at_any_point_leaves_no_transaction_open() {
    let (database, pool) = one_connection().await;
    let watcher = database.superuser_pool().unwrap();
    for looks in 1.. {
        if give_up_after(looks, begin(&pool)).await.is_some() {
            assert!(looks > 1, "it never had to wait");
            break;
        }
        // Once it can be had it rests, and whatever was to be rolled back is.
        let resting = pool.acquire().await.unwrap();
        let open: i64 = query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&watcher)
        .await
        .unwrap();
        assert_eq!(open, 0, "given up after {looks} looks");
        drop(resting);
    }
}

#[tokio::test]
async fn a_transaction_is_committed_or_rolled_back() {
    let (_database, pool) = one_connection().await;
    let write = "insert into projections.leases (name, holder, fencing, expires_at, session_pid, session_started)
         values ('tally', 'one', 1, now(), 1, now())";
    let mut dropped = begin(&pool).await.unwrap();
    query(write).execute(&mut *dropped).await.unwrap();
    drop(dropped);
    let mut committed = begin(&pool).await.unwrap();
    query(write).execute(&mut *committed).await.unwrap();
    committed.commit().await.unwrap();
    let written: i64 = query_scalar("select count(*) from projections.leases")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(written, 1);
}
