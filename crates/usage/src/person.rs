//! The stored events of one person.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row, postgres::PgRow, query_as};
use uuid::Uuid;

use crate::UsageStore;

/// A stored event.
#[derive(Clone, Debug)]
pub struct KeptEvent {
    pub event_id: Uuid,
    /// By the visitor's clock.
    pub at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// Exactly as it came.
    pub json: String,
}

impl FromRow<'_, PgRow> for KeptEvent {
    fn from_row(row: &PgRow) -> Result<KeptEvent, sqlx::Error> {
        Ok(KeptEvent {
            event_id: row.try_get("event_id")?,
            at: row.try_get("at")?,
            received_at: row.try_get("received_at")?,
            json: row.try_get("event")?,
        })
    }
}

/// How far a person's events were read.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: DateTime<Utc>,
    event_id: Uuid,
}

impl KeptEvent {
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            event_id: self.event_id,
        }
    }
}

impl UsageStore {
    /// Up to `limit` events that name the user, in the order in which they happened, after the mark given.
    pub async fn of_user(
        &self,
        user_id: Uuid,
        after: Option<Mark>,
        limit: i64,
    ) -> Result<Vec<KeptEvent>, sqlx::Error> {
        query_as(
            "select event_id, at, received_at, event::text as event from usage.events
             where user_id = $1 and ($2::timestamptz is null or (at, event_id) > ($2, $3::uuid))
             order by at, event_id limit $4",
        )
        .bind(user_id)
        .bind(after.map(|mark| mark.at))
        .bind(after.map(|mark| mark.event_id))
        .bind(limit)
        .fetch_all(&self.pool)
        .await
    }
}
