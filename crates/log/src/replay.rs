//! Events as they are stored, for people and for pipes.

use chrono::{DateTime, Utc};
use daybook_domain::StreamId;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{PgPool, query_as};
use uuid::Uuid;

use crate::event::{EVENT_COLUMNS, EventRow, on_one_line};
use crate::{Codec, LogError, Position, head};

const CHUNK: i64 = 2_000;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The first position.
    pub from: Position,
    /// The last.
    pub to: Position,
    /// Empty for all.
    pub types: Vec<String>,
    pub stream: Option<StreamId>,
}

/// An event exactly as it is stored: not upcast, so that even one that this binary does not know can be looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredEvent {
    pub position: Position,
    /// Type and id: `order/0190d5a0-…`
    pub stream: String,
    pub sequence: i64,
    pub event_id: Uuid,
    pub r#type: String,
    pub version: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub metadata: Box<RawValue>,
    pub data: Box<RawValue>,
}

/// The events of a selection in the order of their positions, in chunks.
pub struct Replay {
    pool: PgPool,
    codec: Option<Codec>,
    selection: Selection,
    /// How far the search has come: a position, or a stream's sequence.
    after: i64,
}

impl Replay {
    /// Replays the log as it is now. Without a codec personal data stays sealed; with one it is opened where its
    /// person's key exists.
    pub async fn new(
        pool: PgPool,
        codec: Option<Codec>,
        mut selection: Selection,
    ) -> Result<Replay, LogError> {
        selection.to = selection.to.min(head(&pool).await?);
        let after = match selection.stream {
            Some(_) => 0,
            None => selection.from - 1,
        };
        Ok(Replay {
            pool,
            codec,
            selection,
            after,
        })
    }

    /// The next matching events, maybe none if nothing in this chunk matches; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<StoredEvent>>, LogError> {
        let rows = match self.selection.stream {
            Some(stream) => self.next_of_stream(stream).await?,
            None => self.next_by_position().await?,
        };
        let Some(rows) = rows else { return Ok(None) };
        let mut events = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| self.selection.has(row)) {
            events.push(self.stored(row).await?);
        }
        Ok(Some(events))
    }

    /// Positions are dense, so a span of them is a bounded number of rows whatever is selected from it.
    async fn next_by_position(&mut self) -> Result<Option<Vec<EventRow>>, LogError> {
        if self.after >= self.selection.to {
            return Ok(None);
        }
        let last = self.selection.to.min(self.after + CHUNK);
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e
             where e.position > $1 and e.position <= $2 and (cardinality($3::text[]) = 0 or e.event_type = any($3))
             order by e.position"
        );
        let rows = query_as(&statement)
            .bind(self.after)
            .bind(last)
            .bind(&self.selection.types)
            .fetch_all(&self.pool)
            .await?;
        self.after = last;
        Ok(Some(rows))
    }

    async fn next_of_stream(
        &mut self,
        stream: StreamId,
    ) -> Result<Option<Vec<EventRow>>, LogError> {
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e
             where e.aggregate_type = $1 and e.aggregate_id = $2 and e.sequence > $3
             order by e.sequence limit $4"
        );
        let rows: Vec<EventRow> = query_as(&statement)
            .bind(stream.aggregate_type.as_str())
            .bind(stream.id.to_string())
            .bind(self.after)
            .bind(CHUNK)
            .fetch_all(&self.pool)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after = last.sequence;
        Ok(Some(rows))
    }

    async fn stored(&self, row: EventRow) -> Result<StoredEvent, LogError> {
        let payload = match &self.codec {
            Some(codec) => codec.open(row.payload, row.event_id.as_bytes()).await?,
            None => row.payload,
        };
        Ok(StoredEvent {
            position: row.position,
            stream: format!("{}/{}", row.aggregate_type, row.aggregate_id),
            sequence: row.sequence,
            event_id: row.event_id,
            r#type: row.event_type,
            version: row.event_version,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            metadata: raw(row.metadata)?,
            data: raw(payload)?,
        })
    }
}

impl Selection {
    fn has(&self, row: &EventRow) -> bool {
        (self.from..=self.to).contains(&row.position)
            && (self.types.is_empty() || self.types.contains(&row.event_type))
    }
}

fn raw(json: String) -> Result<Box<RawValue>, LogError> {
    RawValue::from_string(on_one_line(json)).map_err(|source| LogError::Encode {
        what: "an event",
        source,
    })
}
