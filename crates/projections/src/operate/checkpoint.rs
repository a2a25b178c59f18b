//! The checkpoint as an operator finds it: locked, so that its worker waits.

use daybook_log::Position;
use sqlx::{PgConnection, Row};

use super::OperateError;
use crate::{projection::Projection, runtime::CheckpointState, schema::SchemaName};

pub(super) struct LockedCheckpoint {
    pub(super) name: &'static str,
    pub(super) version: i32,
    pub(super) position: Position,
    pub(super) state: CheckpointState,
    /// Where and why it is halted.
    pub(super) obstacle: Option<(Position, String)>,
}

impl LockedCheckpoint {
    /// Locks the checkpoint until the transaction ends. Creates it if the projection never ran.
    pub(super) async fn lock(
        conn: &mut PgConnection,
        projection: &dyn Projection,
    ) -> Result<LockedCheckpoint, sqlx::Error> {
        let name = projection.name();
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
            "select version, position, state, (error ->> 'position')::bigint as halted_at, error ->> 'error' as error
             from projections.checkpoints where name = $1 for update",
        )
        .bind(name)
        .fetch_one(conn)
        .await?;
        let state: &str = row.try_get("state")?;
        let halted_at: Option<Position> = row.try_get("halted_at")?;
        let error: Option<String> = row.try_get("error")?;
        Ok(LockedCheckpoint {
            name,
            version: row.try_get("version")?,
            position: row.try_get("position")?,
            state: state
                .parse()
                .map_err(|unknown| sqlx::Error::Decode(Box::new(unknown)))?,
            obstacle: halted_at.map(|at| (at, error.unwrap_or_default())),
        })
    }

    pub(super) fn must_be(&self, needed: CheckpointState) -> Result<(), OperateError> {
        if self.state == needed {
            return Ok(());
        }
        Err(OperateError::WrongState {
            name: self.name,
            state: self.state.as_str(),
            needed: needed.as_str(),
        })
    }

    /// Sets another state; leaving the halt also clears the obstacle.
    pub(super) async fn enter(
        &self,
        conn: &mut PgConnection,
        state: CheckpointState,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update projections.checkpoints
             set state = $2, error = null, events_per_second = 0, updated_at = clock_timestamp()
             where name = $1",
        )
        .bind(self.name)
        .bind(state.as_str())
        .execute(conn)
        .await?;
        Ok(())
    }
}
