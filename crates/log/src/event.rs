use chrono::{DateTime, Utc};
use daybook_domain::{AggregateType, Event, StreamId};
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

/// An event as people read it, who shall see the others although this binary does not know one.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are known")]
pub enum ReadEvent {
    Known(RecordedEvent),
    Unknown(UnknownEvent),
}

/// An event that cannot be decoded by this binary, as it is stored: not upcast, and with personal data sealed.
#[derive(Clone, Debug)]
pub struct UnknownEvent {
    pub position: Position,
    /// Type and id: `order/0190d5a0-…`
    pub stream: String,
    /// `None` if streams of this type are not known either.
    pub stream_id: Option<StreamId>,
    pub sequence: i64,
    pub event_id: Uuid,
    pub event_type: String,
    pub event_version: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    /// JSON on one line.
    pub metadata: String,
    /// JSON on one line.
    pub payload: String,
}

impl ReadEvent {
    pub fn stream(&self) -> Option<StreamId> {
        match self {
            ReadEvent::Known(event) => Some(event.stream),
            ReadEvent::Unknown(event) => event.stream_id,
        }
    }
}

impl UnknownEvent {
    pub(crate) fn of(row: &EventRow) -> UnknownEvent {
        let aggregate_type: Option<AggregateType> = row.aggregate_type.parse().ok();
        let stream_id = aggregate_type
            .zip(Uuid::parse_str(&row.aggregate_id).ok())
            .map(|(aggregate_type, id)| StreamId::new(aggregate_type, id));
        UnknownEvent {
            position: row.position,
            stream: format!("{}/{}", row.aggregate_type, row.aggregate_id),
            stream_id,
            sequence: row.sequence,
            event_id: row.event_id,
            event_type: row.event_type.clone(),
            event_version: row.event_version.clone(),
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            metadata: on_one_line(row.metadata.clone()),
            payload: on_one_line(row.payload.clone()),
        }
    }
}

/// A line break in JSON can only be between its tokens, where a space means the same.
pub(crate) fn on_one_line(json: String) -> String {
    match json.contains(['\n', '\r']) {
        true => json.replace(['\n', '\r'], " "),
        false => json,
    }
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
