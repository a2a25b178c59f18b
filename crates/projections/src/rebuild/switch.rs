//! Replacing the live read model by another build.
//!
//! Schemas are renamed, so the text of queries stays the same: PostgreSQL resolves names anew afterwards.
//! A query that has begun reads the tables that it began with.

use daybook_log::{Feed, Position};
use sqlx::{Acquire, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, BuildPhase, Purpose,
    catch_up::catch_up,
    session::act_as_owner,
    unit::{Live, Unit},
};
use crate::{runtime::announce_switch, schema::SchemaName, skipped::Skipped};

/// As long as more events than this remain while catching up, catching up continues beside the live
/// projector; fewer are applied while the projector waits.
const LAST_EVENTS: i64 = 200;

/// After this many rounds a projector that is faster has to wait.
const ROUNDS: usize = 20;

/// Brings the build to the head of the log and switches it in; returns its position.
pub(super) async fn switch(
    conn: &mut PgConnection,
    feed: &Feed,
    unit: &Unit,
    mut position: Position,
    stop: &CancellationToken,
) -> Result<Position, BuildError> {
    let mut known = unit.live.skipped.clone();
    for _ in 0..ROUNDS {
        let found = Live::load(conn, unit.name()).await?;
        known = unchanged(unit, found, &known, position)?.skipped;
        let (head, before) = (feed.head().await?, position);
        unit.tracker.begin(BuildPhase::CatchingUp, position, head);
        match catch_up(conn, feed, unit, &mut position, head, &known, stop).await {
            Ok(()) if head - before > LAST_EVENTS => {}
            Ok(()) => break,
            // The event stops the live projector too, once it gets there.
            Err(BuildError::Obstacle { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    unit.tracker
        .begin(BuildPhase::Switching, position, position);
    let mut transaction = conn.begin().await?;
    unit.fence.hold(&mut transaction, &unit.schema).await?;
    // From here on the projector waits for its checkpoint.
    let found = Live::lock(&mut transaction, unit.name()).await?;
    let live = unchanged(unit, found, &known, position)?;
    // If the projector is halted, the build is ahead of it.
    let end = live.position.max(position);
    let rest = &live.skipped;
    catch_up(&mut transaction, feed, unit, &mut position, end, rest, stop).await?;
    act_as_owner(&mut transaction).await?;
    exchange_schemas(&mut transaction, unit).await?;
    move_checkpoint(&mut transaction, unit, &live, position).await?;
    announce_switch(&mut transaction, unit.name(), position).await?;
    // Everything that was built before is on the disk once this commits.
    sqlx::query("set local synchronous_commit = on")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(position)
}

/// Fails unless the live rows are still those beside which the build was made and may be exchanged, and the build
/// holds nothing that was skipped since.
fn unchanged(
    unit: &Unit,
    found: Option<Live>,
    known: &Skipped,
    position: Position,
) -> Result<Live, BuildError> {
    if found.as_ref().is_some_and(|live| live.is_paused) {
        return Err(BuildError::Paused { name: unit.name() });
    }
    found
        .filter(|live| live.generation == unit.live.generation)
        .filter(|live| !known.has_folded(&live.skipped, position))
        .ok_or(BuildError::LiveChanged)
}

/// The live version becomes the previous one. The one before that is only set aside: dropping it would
/// wait for queries that still read it, and the projector would wait too.
async fn exchange_schemas(conn: &mut PgConnection, unit: &Unit) -> Result<(), sqlx::Error> {
    let (previous, old) = (previous_schema(unit.name()), old_schema(unit.name()));
    let live = &unit.live_schema;
    let renames = if unit.purpose == Purpose::Rollback {
        vec![(live, &old), (&previous, live), (&old, &previous)]
    } else if schema_exists(conn, &previous).await? {
        vec![(&previous, &old), (live, &previous), (&unit.schema, live)]
    } else {
        vec![(live, &previous), (&unit.schema, live)]
    };
    for (from, to) in renames {
        sqlx::query(&format!("alter schema {from} rename to {to}"))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn move_checkpoint(
    conn: &mut PgConnection,
    unit: &Unit,
    live: &Live,
    position: Position,
) -> Result<(), sqlx::Error> {
    // A halted projector tries again.
    sqlx::query(
        "update projections.checkpoints
         set version = $2, position = $3, generation = generation + 1, error = null,
             state = 'live', events_per_second = 0, updated_at = clock_timestamp()
         where name = $1",
    )
    .bind(unit.name())
    .bind(unit.projection.version())
    .bind(position)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into projections.previous (name, version, schema_name, position, replaced_at)
         values ($1, $2, $3, $4, clock_timestamp())
         on conflict (name) do update set version = excluded.version, schema_name = excluded.schema_name,
             position = excluded.position, replaced_at = excluded.replaced_at",
    )
    .bind(unit.name())
    .bind(live.version)
    .bind(previous_schema(unit.name()).as_str())
    .bind(live.position)
    .execute(&mut *conn)
    .await?;
    sqlx::query("delete from projections.builds where schema_name = $1")
        .bind(unit.schema.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) fn previous_schema(name: &'static str) -> SchemaName {
    SchemaName::beside(name, "previous")
}

/// The name under which the version before the previous one is set aside until it is dropped.
pub(super) fn old_schema(name: &'static str) -> SchemaName {
    SchemaName::beside(name, "old")
}

pub(super) async fn schema_exists(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regnamespace($1) is not null")
        .bind(schema.as_str())
        .fetch_one(conn)
        .await
}
