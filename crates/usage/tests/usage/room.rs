//! How much of visitors is taken in at once.

use std::time::Duration;

use daybook_usage::UsageStore;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor};

use crate::site::{Site, counts, fresh, until_waiting};

#[tokio::test]
async fn there_is_room_for_so_many_batches_and_it_is_given_back() {
    let site = Site::open().await;
    let clone = site.store.clone();
    let mut taken: Vec<_> = (0..256).map(|_| site.store.room().unwrap()).collect();
    assert!(site.store.room().is_none() && clone.room().is_none());
    taken.pop();
    let last = clone.room().unwrap();
    assert!(site.store.room().is_none());
    drop((taken, last));
    assert!(site.store.room().is_some());
}

#[tokio::test]
async fn visitors_events_leave_the_shop_its_connections() {
    let site = Site::open().await;
    assert_eq!(site.record(&[fresh()]).await, (1, 0), "the day is there");
    let (mut superuser, mut other) = (site.superuser().await, site.superuser().await);
    let mut held = other.begin().await.unwrap();
    held.execute("lock table usage.event_ids in exclusive mode")
        .await
        .unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_secs(60))
        .connect_lazy(&site.database.server_url())
        .unwrap();
    let store = UsageStore::new(pool.clone());
    let sending: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { counts(store.record(&[fresh()]).await.unwrap()) })
        })
        .collect();
    until_waiting(&mut superuser, 4).await;
    // With a fifth writer this would wait for what is held here.
    pool.execute("select 1").await.unwrap();
    held.rollback().await.unwrap();
    for sent in sending {
        assert_eq!(sent.await.unwrap(), (1, 0));
    }
}
