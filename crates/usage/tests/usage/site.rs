//! A database of a test's own, and events to keep in it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use daybook_usage::{Recorded, UsageEvent, UsageStore};
use sqlx::{Connection, PgConnection, PgPool, query_scalar};
use tokio::task::yield_now;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    pub(crate) pool: PgPool,
    pub(crate) store: UsageStore,
}

impl Site {
    pub(crate) async fn open() -> Site {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        Site {
            store: UsageStore::new(pool.clone()),
            database,
            pool,
        }
    }

    /// That of another server of the shop.
    pub(crate) fn another_store(&self) -> UsageStore {
        UsageStore::new(self.database.server_pool().unwrap())
    }

    /// One that may look at what the others do, and hold something.
    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.database.superuser_url())
            .await
            .unwrap()
    }

    pub(crate) async fn record(&self, events: &[UsageEvent<'_>]) -> (usize, usize) {
        counts(self.store.record(events).await.unwrap())
    }

    pub(crate) async fn count(&self, of: &str) -> i64 {
        query_scalar(&format!("select count(*) from {of}"))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

/// How many were accepted, and how many were there already.
pub(crate) fn counts(recorded: Recorded) -> (usize, usize) {
    (recorded.accepted, recorded.duplicates)
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

/// An event that names nobody.
pub(crate) fn event(id: Uuid, at: DateTime<Utc>) -> UsageEvent<'static> {
    UsageEvent {
        id,
        at,
        session_id: "s-1",
        user_id: None,
        event_type: "page_view",
        json: "{}",
    }
}

pub(crate) fn fresh() -> UsageEvent<'static> {
    event(Uuid::now_v7(), noon())
}

/// Returns once so many of the server's sessions wait for a lock; asking is what takes the time.
pub(crate) async fn until_waiting(superuser: &mut PgConnection, sessions: i64) {
    let waiting = async {
        loop {
            let waiting: i64 = query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and usename = 'daybook' and wait_event_type = 'Lock'",
            )
            .fetch_one(&mut *superuser)
            .await
            .unwrap();
            if waiting == sessions {
                break;
            }
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), waiting)
        .await
        .expect("nobody waits for a lock");
}
