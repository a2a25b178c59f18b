//! Streams as they were in the past: the events up to a position, and the state that they lead to.

use daybook_domain::{State, StreamId, Versioned};
use sqlx::{query_as, query_scalar};

use crate::event::{EVENT_COLUMNS, EventRow};
use crate::{Feed, LogError, Position, ReadEvent, RecordedEvent, snapshot};

const CHUNK: i64 = 1_000;

impl Feed {
    /// Up to `limit` of a stream's events after the given sequence and up to `position`, oldest first. An undecodable
    /// one is an error.
    pub async fn read_stream_to(
        &self,
        stream: StreamId,
        after_sequence: i64,
        position: Position,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        let mut rows = self.rows_of(stream, after_sequence, limit).await?;
        // Cut off here: as a condition of the statement it would make the database look through the rest of a long
        // stream.
        rows.truncate(rows.partition_point(|row| row.position <= position));
        self.codec.decode(rows).await?.whole()
    }

    /// Up to `limit` of a stream's events after the given sequence, oldest first, each that this binary knows.
    pub async fn read_each_of(
        &self,
        stream: StreamId,
        after_sequence: i64,
        limit: i64,
    ) -> Result<Vec<ReadEvent>, LogError> {
        let rows = self.rows_of(stream, after_sequence, limit).await?;
        self.codec.decode_each(&rows).await
    }

    async fn rows_of(
        &self,
        stream: StreamId,
        after_sequence: i64,
        limit: i64,
    ) -> Result<Vec<EventRow>, sqlx::Error> {
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e
             where e.aggregate_type = $1 and e.aggregate_id = $2 and e.sequence > $3
             order by e.sequence limit $4"
        );
        query_as(&statement)
            .bind(stream.aggregate_type.as_str())
            .bind(stream.id.to_string())
            .bind(after_sequence)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }

    /// How many events a stream has.
    pub async fn length_of(&self, stream: StreamId) -> Result<i64, LogError> {
        let last = "select coalesce(max(sequence), 0) from log.events
                    where aggregate_type = $1 and aggregate_id = $2";
        Ok(query_scalar(last)
            .bind(stream.aggregate_type.as_str())
            .bind(stream.id.to_string())
            .fetch_one(&self.pool)
            .await?)
    }

    /// The state that a stream's events up to `position` lead to; version 0 if there were none. A long stream is read
    /// from its snapshot if that is old enough, otherwise from its beginning.
    pub async fn state_at(
        &self,
        stream: StreamId,
        position: Position,
    ) -> Result<Versioned<State>, LogError> {
        let snapshot = self.snapshot_by(stream, position).await?;
        let mut state = snapshot.unwrap_or_else(|| Versioned::empty(stream.aggregate_type));
        loop {
            let events = self
                .read_stream_to(stream, state.version, position, CHUNK)
                .await?;
            for event in &events {
                state.apply(&event.event, event.occurred_at);
            }
            if events.len() < CHUNK as usize {
                return Ok(state);
            }
        }
    }

    /// A stream's snapshot, if it holds nothing from after `position`.
    async fn snapshot_by(
        &self,
        stream: StreamId,
        position: Position,
    ) -> Result<Option<Versioned<State>>, LogError> {
        let mut connection = self.pool.acquire().await?;
        let mut found = snapshot::load(&mut connection, &self.codec, &[stream]).await?;
        let Some(snapshot) = found.remove(&stream) else {
            return Ok(None);
        };
        let taken_at: Option<Position> = query_scalar(
            "select position from log.events
             where aggregate_type = $1 and aggregate_id = $2 and sequence = $3",
        )
        .bind(stream.aggregate_type.as_str())
        .bind(stream.id.to_string())
        .bind(snapshot.version)
        .fetch_optional(&mut *connection)
        .await?;
        Ok(taken_at
            .is_some_and(|taken_at| taken_at <= position)
            .then_some(snapshot))
    }
}
