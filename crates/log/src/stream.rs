//! Loading streams: many at once, starting from their snapshots.

use std::collections::HashMap;

use daybook_domain::{State, StreamId, Versioned};
use sqlx::{PgConnection, query_as};

use crate::event::{EVENT_COLUMNS, EventRow};
use crate::{Codec, LogError, RecordedEvent, snapshot};

/// What is already known of a stream: nothing, or its state at a version.
pub type Known = Option<Versioned<State>>;

/// Brings streams up to date: applies the events after the known version. A stream of which nothing is
/// known starts from its snapshot, or from its first event.
pub async fn load(
    connection: &mut PgConnection,
    codec: &Codec,
    streams: Vec<(StreamId, Known)>,
) -> Result<HashMap<StreamId, Versioned<State>>, LogError> {
    let unknown: Vec<StreamId> = streams
        .iter()
        .filter(|(_, known)| known.is_none())
        .map(|(id, _)| *id)
        .collect();
    let mut snapshots = if unknown.is_empty() {
        HashMap::new()
    } else {
        snapshot::load(&mut *connection, codec, &unknown).await?
    };
    let mut states: HashMap<StreamId, Versioned<State>> = streams
        .into_iter()
        .map(|(stream, known)| {
            let start = known.or_else(|| snapshots.remove(&stream));
            (
                stream,
                start.unwrap_or_else(|| Versioned::empty(stream.aggregate_type)),
            )
        })
        .collect();
    let asked = states
        .iter()
        .map(|(stream, state)| (*stream, state.version))
        .collect::<Vec<_>>();
    for event in tails(connection, codec, &asked).await? {
        if let Some(state) = states.get_mut(&event.stream) {
            state.apply(&event.event, event.occurred_at);
        }
    }
    Ok(states)
}

/// The events of each stream after the version given, each stream's in order.
pub async fn tails(
    connection: &mut PgConnection,
    codec: &Codec,
    streams: &[(StreamId, i64)],
) -> Result<Vec<RecordedEvent>, LogError> {
    let statement = format!(
        "select {EVENT_COLUMNS}
         from unnest($1::text[], $2::text[], $3::bigint[]) as s (aggregate_type, aggregate_id, version)
         join lateral (
             select * from log.events
             where aggregate_type = s.aggregate_type and aggregate_id = s.aggregate_id and sequence > s.version
             order by sequence
         ) e on true"
    );
    let rows: Vec<EventRow> = query_as(&statement)
        .bind(Vec::from_iter(
            streams
                .iter()
                .map(|(stream, _)| stream.aggregate_type.as_str()),
        ))
        .bind(Vec::from_iter(
            streams.iter().map(|(stream, _)| stream.id.to_string()),
        ))
        .bind(Vec::from_iter(streams.iter().map(|(_, version)| *version)))
        .fetch_all(connection)
        .await?;
    codec.decode(rows).await?.whole()
}
