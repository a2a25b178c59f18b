//! Pausing a projector, resuming it, and emptying its read model.

use daybook_database::begin;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    ActionKind, OperateError, Operator, Reason, actions::record, checkpoint::LockedCheckpoint,
};
use crate::{
    projection::Projection,
    rebuild::keep_builders_out,
    runtime::{CheckpointState, announce_operation, announce_switch},
    table::Table,
};

/// Pauses a projector that is at work. Once this returns its read model stays as it is: a batch that was being applied
/// has been committed or has failed.
pub async fn pause(
    pool: &PgPool,
    projection: &dyn Projection,
    operator: &Operator,
    reason: Option<&Reason>,
) -> Result<(), OperateError> {
    let (from, to) = (CheckpointState::Live, CheckpointState::Paused);
    enter(
        pool,
        projection,
        ActionKind::Pause,
        from,
        to,
        operator,
        reason,
    )
    .await
}

/// Resumes a paused projector.
pub async fn resume(
    pool: &PgPool,
    projection: &dyn Projection,
    operator: &Operator,
    reason: Option<&Reason>,
) -> Result<(), OperateError> {
    let (from, to) = (CheckpointState::Paused, CheckpointState::Live);
    enter(
        pool,
        projection,
        ActionKind::Resume,
        from,
        to,
        operator,
        reason,
    )
    .await
}

/// Has a halted projector try again. If nothing has changed it halts again.
pub async fn retry(
    pool: &PgPool,
    projection: &dyn Projection,
    operator: &Operator,
    reason: Option<&Reason>,
) -> Result<(), OperateError> {
    let (from, to) = (CheckpointState::Halted, CheckpointState::Live);
    enter(
        pool,
        projection,
        ActionKind::Retry,
        from,
        to,
        operator,
        reason,
    )
    .await
}

async fn enter(
    pool: &PgPool,
    projection: &dyn Projection,
    action: ActionKind,
    from: CheckpointState,
    to: CheckpointState,
    operator: &Operator,
    reason: Option<&Reason>,
) -> Result<(), OperateError> {
    let mut transaction = begin(pool).await?;
    let found = LockedCheckpoint::lock(&mut transaction, projection).await?;
    found.must_be(from)?;
    found.enter(&mut transaction, to).await?;
    let detail = json!({ "position": found.position, "reason": reason.map(Reason::as_str) });
    record(
        &mut transaction,
        Uuid::now_v7(),
        operator,
        action,
        found.name,
        &detail,
    )
    .await?;
    announce_operation(&mut transaction, found.name).await?;
    transaction.commit().await?;
    Ok(())
}

/// Empties the read model and has its projector begin at the first event; readers see it fill again. A halted projector
/// continues, a paused one stays paused. Skipped events stay skipped.
pub async fn reset(
    pool: &PgPool,
    projection: &dyn Projection,
    operator: &Operator,
    reason: Option<&Reason>,
) -> Result<(), OperateError> {
    let (name, own) = (projection.name(), projection.version());
    let mut transaction = begin(pool).await?;
    // A builder that compares with the live rows would take them for missing.
    keep_builders_out(&mut transaction, name).await?;
    // Lock the tables first, as the projector's transactions do, so that the two cannot wait for each other.
    let emptied = empty(&mut transaction, name, projection.tables()).await;
    emptied.map_err(|error| busy_or_failed(name, error))?;
    let found = LockedCheckpoint::lock(&mut transaction, projection).await?;
    if found.version > own {
        let stored = found.version;
        return Err(OperateError::LaterVersion { name, stored, own });
    }
    let state = match found.state {
        CheckpointState::Paused => CheckpointState::Paused,
        CheckpointState::Live | CheckpointState::Halted => CheckpointState::Live,
    };
    sqlx::query(
        "update projections.checkpoints
         set version = $2, position = 0, generation = generation + 1, state = $3, error = null,
             events_per_second = 0, updated_at = clock_timestamp()
         where name = $1",
    )
    .bind(name)
    .bind(own)
    .bind(state.as_str())
    .execute(&mut *transaction)
    .await?;
    let detail = json!({ "position": found.position, "reason": reason.map(Reason::as_str) });
    record(
        &mut transaction,
        Uuid::now_v7(),
        operator,
        ActionKind::Reset,
        name,
        &detail,
    )
    .await?;
    announce_switch(&mut transaction, name, 0).await?;
    transaction.commit().await?;
    Ok(())
}

async fn empty(conn: &mut PgConnection, name: &str, tables: &[Table]) -> Result<(), sqlx::Error> {
    // While this waits for the tables, new readers have to wait behind it.
    sqlx::query("set local lock_timeout = '5s'")
        .execute(&mut *conn)
        .await?;
    // The tables belong to the servers' group.
    sqlx::query("set local role daybook_server")
        .execute(&mut *conn)
        .await?;
    let qualified = tables.iter().map(|table| format!("{name}.{}", table.name));
    let list = qualified.collect::<Vec<_>>().join(", ");
    sqlx::query(&format!("truncate {list}"))
        .execute(conn)
        .await?;
    Ok(())
}

fn busy_or_failed(name: &'static str, error: sqlx::Error) -> OperateError {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    match &error {
        sqlx::Error::Database(found) if found.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            OperateError::Busy { name }
        }
        _ => error.into(),
    }
}
