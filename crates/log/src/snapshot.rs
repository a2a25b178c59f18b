//! Snapshots of long streams: a cache beside the log, never a source of truth.
//!
//! A snapshot names the format that wrote it. One of another format is ignored and written anew, so that
//! a changed state needs no migration.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_domain::{AggregateType, State, StreamId, UserId, Versioned};
use sqlx::{PgConnection, PgPool, query, query_as};
use uuid::Uuid;

use crate::{Codec, LogError};

/// Must change whenever the shape of an aggregate's state does.
const FORMAT: &str = "4";

type Row = (String, String, i64, DateTime<Utc>, DateTime<Utc>, String);

/// The snapshots of those `streams` that have one.
pub(crate) async fn load(
    connection: &mut PgConnection,
    codec: &Codec,
    streams: &[StreamId],
) -> Result<HashMap<StreamId, Versioned<State>>, LogError> {
    let rows: Vec<Row> = query_as(
        "select s.aggregate_type, s.aggregate_id, s.version, s.created_at, s.updated_at, s.state
         from unnest($1::text[], $2::text[]) as asked (aggregate_type, aggregate_id)
         join commands.snapshots s
             on s.aggregate_type = asked.aggregate_type and s.aggregate_id = asked.aggregate_id
         where s.format = $3",
    )
    .bind(Vec::from_iter(
        streams.iter().map(|stream| stream.aggregate_type.as_str()),
    ))
    .bind(Vec::from_iter(
        streams.iter().map(|stream| stream.id.to_string()),
    ))
    .bind(FORMAT)
    .fetch_all(connection)
    .await?;
    let mut snapshots = HashMap::new();
    for (aggregate_type, aggregate_id, version, created_at, updated_at, state) in rows {
        let (Ok(aggregate_type), Ok(id)) = (
            aggregate_type.parse::<AggregateType>(),
            Uuid::parse_str(&aggregate_id),
        ) else {
            continue;
        };
        let stream = StreamId { aggregate_type, id };
        let state = codec.open(state, stream.to_string().as_bytes()).await?;
        // A snapshot that cannot be read counts as missing.
        if let Ok(state) = serde_json::from_str(&state) {
            snapshots.insert(
                stream,
                Versioned {
                    version,
                    created_at,
                    updated_at,
                    state,
                },
            );
        }
    }
    Ok(snapshots)
}

/// Keeps a stream's state as a snapshot, unless a later one is kept already, or the log lacks the event that it ends
/// with: then the database was set back since the state was read. States with personal data are sealed.
pub async fn save(
    pool: &PgPool,
    codec: &Codec,
    stream: StreamId,
    snapshot: &Versioned<State>,
) -> Result<(), LogError> {
    let mut state = serde_json::to_string(&snapshot.state).map_err(|source| LogError::Encode {
        what: "a snapshot",
        source,
    })?;
    if let Some(person) = person_of(stream, &snapshot.state) {
        let Some(key) = codec.key_of(person).await? else {
            return Ok(());
        };
        state = codec.seal(
            state,
            person.as_uuid(),
            stream.to_string().as_bytes(),
            Some(&key),
        )?;
    }
    query(
        "insert into commands.snapshots as kept
             (aggregate_type, aggregate_id, version, format, created_at, updated_at, state)
         select $1, $2, $3, $4, $5, $6, $7
         where exists (
             select from log.events e
             where e.aggregate_type = $1 and e.aggregate_id = $2 and e.sequence = $3)
         on conflict (aggregate_type, aggregate_id) do update
         set version = excluded.version, format = excluded.format, created_at = excluded.created_at,
             updated_at = excluded.updated_at, state = excluded.state
         where kept.version < excluded.version or kept.format <> excluded.format",
    )
    .bind(stream.aggregate_type.as_str())
    .bind(stream.id.to_string())
    .bind(snapshot.version)
    .bind(FORMAT)
    .bind(snapshot.created_at)
    .bind(snapshot.updated_at)
    .bind(state)
    .execute(pool)
    .await?;
    Ok(())
}

/// The person whose personal data a state holds.
fn person_of(stream: StreamId, state: &State) -> Option<UserId> {
    match state {
        State::User(_) => Some(stream.id.into()),
        State::Order(order) => order.user_id,
        State::Category(_) | State::Product(_) | State::Stock(_) => None,
    }
}
