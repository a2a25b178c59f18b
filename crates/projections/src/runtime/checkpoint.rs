//! How far a read model is.

use std::{str::FromStr, sync::Arc, time::Duration};

use daybook_log::Position;
use sqlx::{PgConnection, PgPool, Row};

use super::obstacle::Obstacle;
use crate::{projection::Projection, schema::SchemaName, skipped::Skipped};

/// How quickly the measured rate follows a change of the actual rate.
pub(crate) const RATE_SECONDS: f64 = 2.0;

/// A row of `projections.checkpoints`, as it was when it was loaded.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub name: &'static str,
    /// The version of the projection that made the rows.
    pub version: i32,
    pub schema: SchemaName,
    /// The position of the last event in the read model; 0 before the first.
    pub position: Position,
    pub state: CheckpointState,
    /// Counts how often the rows were exchanged for others: reset, rebuilt, rolled back.
    pub generation: i64,
    /// The events that were skipped, before and after `position`.
    pub skipped: Arc<Skipped>,
}

/// The state in the checkpoint's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointState {
    Live,
    /// Stopped before an event that cannot be projected.
    Halted,
    /// Held by an operator.
    Paused,
}

impl CheckpointState {
    pub fn as_str(self) -> &'static str {
        match self {
            CheckpointState::Live => "live",
            CheckpointState::Halted => "halted",
            CheckpointState::Paused => "paused",
        }
    }
}

impl FromStr for CheckpointState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<CheckpointState, UnknownState> {
        match text {
            "live" => Ok(CheckpointState::Live),
            "halted" => Ok(CheckpointState::Halted),
            "paused" => Ok(CheckpointState::Paused),
            _ => Err(UnknownState(text.to_owned())),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a checkpoint has the state {0:?}, which this version does not know")]
pub struct UnknownState(String);

impl Checkpoint {
    /// Loads a projection's checkpoint; a projection that never ran starts before the first event.
    pub async fn load(
        pool: &PgPool,
        projection: &dyn Projection,
    ) -> Result<Checkpoint, sqlx::Error> {
        let name = projection.name();
        let mut conn = pool.acquire().await?;
        sqlx::query(
            "insert into projections.checkpoints (name, version, schema_name) values ($1, $2, $3)
             on conflict (name) do nothing",
        )
        .bind(name)
        .bind(projection.version())
        .bind(SchemaName::live(name).as_str())
        .execute(&mut *conn)
        .await?;
        let row = sqlx::query(
            "select version, schema_name, position, state, generation from projections.checkpoints where name = $1",
        )
        .bind(name)
        .fetch_one(&mut *conn)
        .await?;
        let schema: &str = row.try_get("schema_name")?;
        let state: &str = row.try_get("state")?;
        Ok(Checkpoint {
            name,
            version: row.try_get("version")?,
            schema: schema
                .parse()
                .map_err(|invalid| sqlx::Error::Decode(Box::new(invalid)))?,
            position: row.try_get("position")?,
            state: state
                .parse()
                .map_err(|unknown| sqlx::Error::Decode(Box::new(unknown)))?,
            generation: row.try_get("generation")?,
            // After the row: an operator who restarts a halted projector has recorded by then what it skips.
            skipped: Arc::new(Skipped::load(&mut conn, name).await?),
        })
    }

    /// Moves the checkpoint forward within the transaction that wrote the rows. Returns false if it is no longer what
    /// was loaded, or has been paused; that transaction must then not commit.
    pub(super) async fn advance(
        &self,
        conn: &mut PgConnection,
        to: Position,
    ) -> Result<bool, sqlx::Error> {
        debug_assert!(to > self.position);
        // The rate is an average that forgets: events from RATE_SECONDS ago count a third of those from now.
        let moved = sqlx::query(
            "update projections.checkpoints c
             set position = $3, state = 'live', error = null, updated_at = clock_timestamp(),
                 events_per_second = c.events_per_second * exp(-since.seconds / $6)
                     + ($3 - $2) / since.seconds * (1 - exp(-since.seconds / $6))
             from (select least(60, greatest(0.001, extract(epoch from clock_timestamp() - updated_at)))::float8 as seconds
                 from projections.checkpoints where name = $1) as since
             where c.name = $1 and c.position = $2 and c.position < $3 and c.schema_name = $4 and c.generation = $5
                 and c.state <> 'paused'",
        )
        .bind(self.name)
        .bind(self.position)
        .bind(to)
        .bind(self.schema.as_str())
        .bind(self.generation)
        .bind(RATE_SECONDS)
        .execute(conn)
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Records why the projector halted, within a transaction that checks the lease. Returns false in the same cases as
    /// [`Checkpoint::advance`].
    pub(super) async fn halt(
        &self,
        conn: &mut PgConnection,
        obstacle: &Obstacle,
    ) -> Result<bool, sqlx::Error> {
        let error = serde_json::to_string(obstacle)
            .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let halted = sqlx::query(
            "update projections.checkpoints set state = 'halted', error = $3::jsonb, updated_at = clock_timestamp()
             where name = $1 and position = $2 and generation = $4 and state <> 'paused'",
        )
        .bind(self.name)
        .bind(self.position)
        .bind(error)
        .bind(self.generation)
        .execute(conn)
        .await?;
        Ok(halted.rows_affected() == 1)
    }
}

/// Settings of a transaction that moves a checkpoint or halts its projector.
///
/// - A worker that stalls in mid-transaction holds locks that its successor needs: the server ends such a session once
///   the lease would have expired.
/// - Not waiting for the disk loses nothing: rows and checkpoint are in one commit record, and after a crash of the
///   database the same events are projected again. Waiting would hold PostgreSQL's one lock on notifications for the
///   length of a flush, and appends with it.
/// - JIT compiles for longer than a batch takes.
pub(super) async fn configure_transaction(
    conn: &mut PgConnection,
    idle_timeout: Duration,
    statement_timeout: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('idle_in_transaction_session_timeout', $1, true),
                set_config('statement_timeout', $2, true),
                set_config('synchronous_commit', 'off', true),
                set_config('jit', 'off', true)",
    )
    .bind(idle_timeout.as_millis().max(1).to_string())
    .bind(statement_timeout.as_millis().max(1).to_string())
    .execute(conn)
    .await?;
    Ok(())
}
