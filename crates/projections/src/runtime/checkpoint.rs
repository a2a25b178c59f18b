//! How far a read model has got.

use std::{sync::Arc, time::Duration};

use daybook_log::Position;
use sqlx::{PgConnection, PgPool, Row};

use super::obstacle::Obstacle;
use crate::{projection::Projection, schema::SchemaName, skipped::Skipped};

/// A row of `projections.checkpoints`, as it was when it was loaded.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub name: &'static str,
    /// The version of the projection that made the rows.
    pub version: i32,
    pub schema: SchemaName,
    /// Of the last event in the read model; 0 before the first.
    pub position: Position,
    pub state: CheckpointState,
    /// What was skipped before and after `position`.
    pub skipped: Arc<Skipped>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointState {
    Live,
    Halted,
}

impl Checkpoint {
    /// Loads a projection's checkpoint; one that never ran starts before the first event.
    pub async fn load(
        pool: &PgPool,
        projection: &dyn Projection,
    ) -> Result<Checkpoint, sqlx::Error> {
        let name = projection.name();
        sqlx::query(
            "insert into projections.checkpoints (name, version, schema_name) values ($1, $2, $3)
             on conflict (name) do nothing",
        )
        .bind(name)
        .bind(projection.version())
        .bind(SchemaName::live(name).as_str())
        .execute(pool)
        .await?;
        let row =
            sqlx::query("select version, schema_name, position, state from projections.checkpoints where name = $1")
                .bind(name)
                .fetch_one(pool)
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
            state: if state == "halted" {
                CheckpointState::Halted
            } else {
                CheckpointState::Live
            },
            skipped: Arc::default(),
        })
    }

    /// Moves the checkpoint forward within the transaction that wrote the rows, and tells listeners.
    /// False if it is no longer where it was loaded, and then that transaction must not commit.
    pub(super) async fn advance(
        &self,
        conn: &mut PgConnection,
        to: Position,
    ) -> Result<bool, sqlx::Error> {
        debug_assert!(to > self.position);
        let moved = sqlx::query(
            "update projections.checkpoints
             set position = $3, state = 'live', error = null, updated_at = clock_timestamp()
             where name = $1 and position = $2 and position < $3 and schema_name = $4",
        )
        .bind(self.name)
        .bind(self.position)
        .bind(to)
        .bind(self.schema.as_str())
        .execute(conn)
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Records why the projector halted, within a transaction that checks the lease.
    pub(super) async fn halt(
        &self,
        conn: &mut PgConnection,
        obstacle: &Obstacle,
    ) -> Result<(), sqlx::Error> {
        let error = serde_json::to_string(obstacle)
            .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sqlx::query(
            "update projections.checkpoints set state = 'halted', error = $3::jsonb, updated_at = clock_timestamp()
             where name = $1 and position = $2",
        )
        .bind(self.name)
        .bind(self.position)
        .bind(error)
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// Settings of one batch's transaction.
///
/// - A worker that stalls in mid-transaction holds locks that its successor needs: the server ends
///   such a session once the lease would have expired.
/// - Nothing is lost by not waiting for the disk: rows and checkpoint are in one commit record, and
///   after a crash of the database the same events are projected again. Waiting would hold
///   PostgreSQL's one lock on notifications for the length of a flush, and appends with it.
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
