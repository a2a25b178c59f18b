//! Events that a projection leaves out, because an operator said so.
//!
//! A skipped event has no effect, neither live nor in any build. Later events of its stream take effect
//! as if it had never existed. But if it was the stream's first event, there is nothing that the later
//! ones could change: they are passed over too, and recorded as they come.

use chrono::{DateTime, Utc};
use daybook_database::{begin, from_row};
use daybook_log::Position;
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool, QueryBuilder};
use uuid::Uuid;

use super::{
    ActionKind, OperateError, Operator, Reason, actions::record, checkpoint::LockedCheckpoint,
};
use crate::{
    paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page},
    projection::Projection,
    runtime::{CheckpointState, announce_operation},
};

const FIRST_WAS_SKIPPED: &str = "its stream's first event was skipped";

/// An event that was passed over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub position: Position,
    /// `order/<id>`
    pub stream: String,
    pub sequence: i64,
    pub event_id: Uuid,
    pub event_type: String,
    /// Why it could not be projected.
    pub error: String,
    /// Why it was skipped.
    pub reason: String,
    pub actor: String,
    pub at: DateTime<Utc>,
}

from_row!(DeadLetter {
    position,
    stream,
    sequence,
    event_id,
    event_type,
    error,
    reason,
    actor,
    at
});

/// Has a halted projector pass over the event at `position`, which must be the one that it is halted at,
/// and continue. This cannot be undone.
pub async fn skip(
    pool: &PgPool,
    projection: &dyn Projection,
    position: Position,
    operator: &Operator,
    reason: &Reason,
) -> Result<(), OperateError> {
    let mut transaction = begin(pool).await?;
    let found = LockedCheckpoint::lock(&mut transaction, projection).await?;
    found.must_be(CheckpointState::Halted)?;
    let (halted_at, error) = found.obstacle.clone().unwrap_or_default();
    let name = found.name;
    if halted_at != position {
        return Err(OperateError::HaltedElsewhere {
            name,
            halted_at,
            asked: position,
        });
    }
    if halted_at != found.position + 1 {
        return Err(OperateError::LogHasGap { name, halted_at });
    }
    let actor = operator.to_string();
    insert(
        &mut transaction,
        name,
        &[position],
        &error,
        reason.as_str(),
        &actor,
    )
    .await?;
    found.enter(&mut transaction, CheckpointState::Live).await?;
    let detail = json!({ "position": position, "error": error, "reason": reason.as_str() });
    record(
        &mut transaction,
        Uuid::now_v7(),
        operator,
        ActionKind::Skip,
        name,
        &detail,
    )
    .await?;
    announce_operation(&mut transaction, name).await?;
    transaction.commit().await?;
    Ok(())
}

/// Records events that are passed over because their streams' first events were skipped.
pub(crate) async fn note_passed_over(
    conn: &mut PgConnection,
    name: &str,
    positions: &[Position],
) -> Result<(), sqlx::Error> {
    if positions.is_empty() {
        return Ok(());
    }
    let error = "there is nothing that it could be about";
    insert(
        conn,
        name,
        positions,
        error,
        FIRST_WAS_SKIPPED,
        "system:projector",
    )
    .await
}

/// Read from the log itself: an event that cannot be decoded still has a stream and a type.
async fn insert(
    conn: &mut PgConnection,
    name: &str,
    positions: &[Position],
    error: &str,
    reason: &str,
    actor: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into projections.dead_letters (name, position, stream, sequence, event_id, event_type, error,
             reason, actor)
         select $1, e.position, e.aggregate_type || '/' || e.aggregate_id, e.sequence, e.event_id, e.event_type,
             $3, $4, $5
         from log.events e where e.position = any($2)
         on conflict (name, position) do nothing",
    )
    .bind(name)
    .bind(positions)
    .bind(error)
    .bind(reason)
    .bind(actor)
    .execute(conn)
    .await?;
    Ok(())
}

const BY_POSITION: Keyset = Keyset {
    order: "dead letters by position",
    key: "position",
    kind: KeyKind::Number,
    id: "event_id",
    descending: false,
};

/// A projection's dead letters in the order of their positions.
pub async fn dead_letters(
    pool: &PgPool,
    name: &str,
    paging: &Paging,
) -> Result<Page<DeadLetter>, QueryError> {
    let mut conn = pool.acquire().await?;
    let total = sqlx::query_scalar("select count(*) from projections.dead_letters where name = $1")
        .bind(name)
        .fetch_one(&mut *conn)
        .await?;
    let mut query = QueryBuilder::new(format!(
        "select position, stream, sequence, event_id, event_type, error, reason, actor, at, {}
         from projections.dead_letters where name = ",
        BY_POSITION.columns()
    ));
    query.push_bind(name.to_owned());
    fetch_page(&mut conn, query, &BY_POSITION, paging, total).await
}
