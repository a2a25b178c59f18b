//! Reading selected events: at given positions, in ranges of several streams, or by what their metadata says.

use std::ops::RangeInclusive;

use daybook_domain::{EventType, StreamId};
use sqlx::{query_as, query_scalar};
use uuid::Uuid;

use crate::event::{EVENT_COLUMNS, EventRow};
use crate::{Actor, Feed, LogError, Position, ReadEvent, RecordedEvent};

/// A stream's events after one sequence and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRange {
    pub stream: StreamId,
    pub after: i64,
    /// The last sequence.
    pub through: i64,
}

/// Selects events of some streams: those that match every condition that is given.
#[derive(Clone, Debug)]
pub struct StreamFilter<'a> {
    pub streams: &'a [StreamId],
    pub positions: RangeInclusive<Position>,
    /// Any of these types; `None`: of all types.
    pub types: Option<&'a [EventType]>,
    pub actor: Option<&'a Actor>,
    pub correlation_id: Option<Uuid>,
}

impl StreamRange {
    /// How many events it has: a stream has no gaps.
    pub const fn length(&self) -> i64 {
        self.through - self.after
    }
}

impl Feed {
    /// The events at these positions, oldest first. An undecodable one is an error.
    pub async fn read_at(&self, positions: &[Position]) -> Result<Vec<RecordedEvent>, LogError> {
        let rows = self.rows_at(positions).await?;
        self.codec.decode(rows).await?.whole()
    }

    /// The events at these positions, oldest first, each that this binary knows.
    pub async fn read_each_at(&self, positions: &[Position]) -> Result<Vec<ReadEvent>, LogError> {
        let rows = self.rows_at(positions).await?;
        self.codec.decode_each(&rows).await
    }

    async fn rows_at(&self, positions: &[Position]) -> Result<Vec<EventRow>, sqlx::Error> {
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e where e.position = any($1) order by e.position"
        );
        query_as(&statement)
            .bind(positions)
            .fetch_all(&self.pool)
            .await
    }

    /// The events of several ranges, each stream's in order, each that this binary knows.
    pub async fn read_each_of_ranges(
        &self,
        ranges: &[StreamRange],
    ) -> Result<Vec<ReadEvent>, LogError> {
        let statement = format!(
            "select {EVENT_COLUMNS}
             from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
                 as s (aggregate_type, aggregate_id, after, through)
             join lateral (
                 select * from log.events
                 where aggregate_type = s.aggregate_type and aggregate_id = s.aggregate_id
                     and sequence > s.after and sequence <= s.through
                 order by sequence
             ) e on true"
        );
        let rows: Vec<EventRow> = query_as(&statement)
            .bind(types(ranges.iter().map(|range| range.stream)))
            .bind(ids(ranges.iter().map(|range| range.stream)))
            .bind(Vec::from_iter(ranges.iter().map(|range| range.after)))
            .bind(Vec::from_iter(ranges.iter().map(|range| range.through)))
            .fetch_all(&self.pool)
            .await?;
        self.codec.decode_each(&rows).await
    }

    /// The positions of the events that the filter selects, oldest first. Looks at every event of these streams.
    pub async fn positions_of(&self, filter: &StreamFilter<'_>) -> Result<Vec<Position>, LogError> {
        let positions = query_scalar(
            "select e.position
             from unnest($1::text[], $2::text[]) as s (aggregate_type, aggregate_id)
             join log.events e on e.aggregate_type = s.aggregate_type and e.aggregate_id = s.aggregate_id
             where e.position between $3 and $4
                 and ($5::text[] is null or e.event_type = any($5))
                 and ($6::text is null or e.metadata->>'actor' = $6)
                 and ($7::text is null or e.metadata->>'correlationId' = $7)
             order by e.position",
        )
        .bind(types(filter.streams.iter().copied()))
        .bind(ids(filter.streams.iter().copied()))
        .bind(filter.positions.start())
        .bind(filter.positions.end())
        .bind(filter.types.as_ref().map(|types| {
            let names = types.iter().map(|of| of.name);
            names.collect::<Vec<_>>()
        }))
        .bind(filter.actor.map(Actor::to_string))
        .bind(filter.correlation_id.map(|id| id.to_string()))
        .fetch_all(&self.pool)
        .await?;
        Ok(positions)
    }
}

fn types(streams: impl Iterator<Item = StreamId>) -> Vec<&'static str> {
    streams
        .map(|stream| stream.aggregate_type.as_str())
        .collect()
}

fn ids(streams: impl Iterator<Item = StreamId>) -> Vec<String> {
    streams.map(|stream| stream.id.to_string()).collect()
}
