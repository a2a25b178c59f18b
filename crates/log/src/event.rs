use chrono::{DateTime, Utc};
use daybook_domain::{Event, StreamId};
use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{Metadata, Position};

/// An event as the log holds it, with its personal data opened.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    pub position: Position,
    pub stream: StreamId,
    /// 1, 2, 3 … within the stream.
    pub sequence: i64,
    pub event_id: Uuid,
    pub event: Event,
    pub metadata: Metadata,
    /// When it happened in the shop's view; an import may set it in the past.
    pub occurred_at: DateTime<Utc>,
    /// When the log recorded it, by the database's clock.
    pub recorded_at: DateTime<Utc>,
}

/// An event that cannot be decoded by this binary.
#[derive(Clone, Debug)]
pub struct Poison {
    pub position: Position,
    pub stream: String,
    pub event_type: String,
    pub error: String,
}

/// A row of `log.events`, in the order of [`EVENT_COLUMNS`].
pub(crate) struct EventRow {
    pub(crate) position: Position,
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
    pub(crate) sequence: i64,
    pub(crate) event_type: String,
    pub(crate) event_version: String,
    pub(crate) payload: String,
    pub(crate) metadata: String,
    pub(crate) event_id: Uuid,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
}

pub(crate) const EVENT_COLUMNS: &str = "e.position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, \
     e.event_version, e.payload::text as payload, e.metadata::text as metadata, e.event_id, e.occurred_at, e.recorded_at";

/// Reads columns by index: looking up eleven names costs as much as the rest of reading a row.
impl FromRow<'_, PgRow> for EventRow {
    fn from_row(row: &PgRow) -> Result<EventRow, sqlx::Error> {
        Ok(EventRow {
            position: row.try_get(0)?,
            aggregate_type: row.try_get(1)?,
            aggregate_id: row.try_get(2)?,
            sequence: row.try_get(3)?,
            event_type: row.try_get(4)?,
            event_version: row.try_get(5)?,
            payload: row.try_get(6)?,
            metadata: row.try_get(7)?,
            event_id: row.try_get(8)?,
            occurred_at: row.try_get(9)?,
            recorded_at: row.try_get(10)?,
        })
    }
}
