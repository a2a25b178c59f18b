//! Positions by instants, although the database's clock stepped back.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_database::MIGRATOR;
use daybook_domain::stock::StockEvent;
use daybook_domain::{Event, StreamId};
use daybook_log::append::{Append, NewEvent, append_batch};
use daybook_log::{Actor, Codec, Feed, Metadata, Secrets};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{Executor as _, PgPool, query_scalar};
use uuid::Uuid;

struct Log {
    pool: PgPool,
    owner: PgPool,
    feed: Feed,
}

impl Log {
    async fn of(database: &TestDatabase) -> Log {
        let pool = database.server_pool().unwrap();
        let codec = Codec::new(pool.clone(), Secrets::from_master_key(&[1; 32]).into());
        Log {
            feed: Feed::new(pool.clone(), codec),
            owner: database.superuser_pool().unwrap(),
            pool,
        }
    }

    /// Appends events one by one.
    async fn grow(&self, count: usize) {
        let metadata = Metadata::of(Actor::Anonymous, Uuid::now_v7());
        let metadata = serde_json::to_string(&metadata).unwrap();
        let event = Event::from(StockEvent::Received {
            quantity: 1,
            reason: None,
        });
        for _ in 0..count {
            let append = Append {
                id: Uuid::now_v7(),
                events: vec![NewEvent {
                    stream: StreamId::stock(Uuid::now_v7().into()),
                    sequence: 1,
                    event_id: Uuid::now_v7(),
                    event_type: event.event_type(),
                    event_version: event.event_version(),
                    payload: event.to_json().unwrap(),
                    metadata: metadata.as_str().into(),
                    occurred_at: Utc::now(),
                }],
                ..Append::default()
            };
            let mut connection = self.pool.acquire().await.unwrap();
            append_batch(&mut connection, &[&append]).await.unwrap();
        }
    }

    /// As if the clock had been ahead by an hour more until now, and was set right.
    async fn set_the_clock_back(&self) {
        self.owner
            .execute(
                "set session_replication_role = replica;
                 update log.events set recorded_at = recorded_at + interval '1 hour';
                 reset session_replication_role",
            )
            .await
            .unwrap();
    }

    async fn recorded_at(&self) -> Vec<DateTime<Utc>> {
        query_scalar("select recorded_at from log.events order by position")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    async fn steps(&self) -> Vec<i64> {
        query_scalar("select position from log.clock_steps order by position")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// Compares what is found with what looking at every event finds, around each of their instants.
    async fn must_find_each(&self) {
        let instants = self.recorded_at().await;
        let tick = TimeDelta::microseconds(1);
        for instant in &instants {
            for at in [*instant - tick, *instant, *instant + tick] {
                let last = instants.iter().rposition(|recorded| *recorded <= at);
                let first = instants.iter().position(|recorded| *recorded >= at);
                assert_eq!(
                    self.feed.position_at(at).await.unwrap(),
                    last.map_or(0, |index| index as i64 + 1),
                    "at {at}"
                );
                assert_eq!(
                    self.feed.position_since(at).await.unwrap(),
                    first.unwrap_or(instants.len()) as i64 + 1,
                    "since {at}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_instant_is_found_whatever_the_clock_did() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let log = Log::of(&database).await;
    assert_eq!(log.feed.position_at(Utc::now()).await.unwrap(), 0);
    assert_eq!(log.feed.position_since(Utc::now()).await.unwrap(), 1);
    assert_eq!(log.feed.began_at().await.unwrap(), None);
    log.grow(5).await;
    assert_eq!(log.steps().await, [0; 0]);
    log.must_find_each().await;
    for count in [1, 7, 4] {
        log.set_the_clock_back().await;
        log.grow(count).await;
        log.must_find_each().await;
    }
    assert_eq!(log.steps().await, [6, 7, 14]);
    let now = Utc::now();
    assert_eq!(log.feed.position_at(now).await.unwrap(), 17, "all of it");
    let began_at = log.feed.began_at().await.unwrap();
    assert_eq!(began_at, log.recorded_at().await.first().copied());
    let long_ago = now - TimeDelta::days(1);
    assert_eq!(log.feed.position_at(long_ago).await.unwrap(), 0);
}
