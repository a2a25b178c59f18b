//! Writing batches: when they are answered, they are deduplicated and durable.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use sqlx::{PgPool, query, query_scalar};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use uuid::Uuid;

use crate::UsageEvent;

/// Batches that may be written at once. Visitors' events must not take the connections that the shop's
/// own queries need, and more at once are no faster.
const WRITERS: usize = 4;

/// Batches that may be in progress, being received or waiting for their turn. Together with the largest size of a batch
/// this bounds the memory that they take.
const ROOM: usize = 256;

#[derive(Clone)]
pub struct UsageStore {
    pub(crate) pool: PgPool,
    writers: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

/// Permission to bring in one batch.
pub struct BatchPermit(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// The result of writing a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub accepted: usize,
    /// Events that were stored already, or occurred twice in the batch.
    pub duplicates: usize,
}

impl UsageStore {
    pub fn new(pool: PgPool) -> UsageStore {
        UsageStore {
            pool,
            writers: Arc::new(Semaphore::new(WRITERS)),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    /// Must be called before a batch is received; `None` if too many are in progress.
    pub fn room(&self) -> Option<BatchPermit> {
        Arc::clone(&self.room)
            .try_acquire_owned()
            .ok()
            .map(BatchPermit)
    }

    /// Writes a batch, all of it or nothing. Of several events with the same id the first that came is kept, across
    /// batches and days; the others count as duplicates. Events of erased persons are not stored, though they count as
    /// accepted, so that nobody sends them again. Two round trips and one commit that is waited for.
    pub async fn record(&self, events: &[UsageEvent<'_>]) -> Result<Recorded, sqlx::Error> {
        let batch = Batch::of(events);
        // The semaphore is never closed, so the permit always comes.
        let _turn = self.writers.acquire().await.ok();
        let accepted = match batch.is_empty() {
            true => 0,
            false => self.write(&batch).await?,
        };
        Ok(Recorded {
            accepted,
            duplicates: events.len() - accepted,
        })
    }

    /// Deletes a person's events, and makes sure that late ones are not stored.
    pub async fn forget(&self, person: Uuid) -> Result<(), sqlx::Error> {
        query("select usage.forget($1)")
            .bind(person)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn write(&self, batch: &Batch<'_>) -> Result<usize, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        // A commit of its own, so that its lock is not held while events are written.
        query("select usage.ensure_days($1)")
            .bind(Vec::from_iter(&batch.days))
            .execute(&mut *connection)
            .await?;
        let accepted: i64 = query_scalar(
            "with incoming as (
                 select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[], $6::text[])
                     as e (event_id, at, session_id, user_id, event_type, event)
             ), fresh as (
                 insert into usage.event_ids (event_id, day)
                 select event_id, (at at time zone 'UTC')::date from incoming
                 on conflict do nothing
                 returning event_id
             ), written as (
                 insert into usage.events (event_id, at, session_id, user_id, event_type, event)
                 select e.event_id, e.at, e.session_id, e.user_id, e.event_type, e.event::json
                 from incoming e join fresh using (event_id)
                 where not exists (select from usage.forgotten f where f.user_id = e.user_id)
             )
             select count(*) from fresh",
        )
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.id)))
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.at)))
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.session_id)))
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.user_id)))
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.event_type)))
        .bind(Vec::from_iter(batch.events.iter().map(|event| event.json)))
        .fetch_one(&mut *connection)
        .await?;
        Ok(usize::try_from(accepted).unwrap_or_default())
    }
}

struct Batch<'a> {
    /// In the order of their ids: if batches that share events are written at the same time, they wait for each other's
    /// ids in the same order, so that they cannot deadlock.
    events: Vec<&'a UsageEvent<'a>>,
    days: BTreeSet<chrono::NaiveDate>,
}

impl<'a> Batch<'a> {
    fn of(events: &'a [UsageEvent<'a>]) -> Batch<'a> {
        let mut seen = HashSet::with_capacity(events.len());
        let mut events: Vec<_> = events
            .iter()
            .filter(|event| seen.insert(event.id))
            .collect();
        events.sort_unstable_by_key(|event| event.id);
        let days = events.iter().map(|event| event.day()).collect();
        Batch { events, days }
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
