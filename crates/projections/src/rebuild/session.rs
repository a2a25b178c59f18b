//! Who builds, and what builders that died have left behind.
//!
//! A builder's session holds an advisory lock for each read model that it builds, so that a second builder is refused;
//! the lock ends with the builder's process. Its row in `projections.builds` is a fence: every transaction that writes
//! to a build locks that row, and the next builder deletes it first. So a builder that has lost its session, and the
//! lock with it, writes nothing more.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};

use super::{BuildError, BuildProgress, Purpose};
use crate::schema::SchemaName;

/// The first half of the advisory locks; the second half is the name of what is built.
const BUILD_LOCK: i32 = 491_901_202;

/// How long a builder may be idle in the middle of a transaction that writes.
const STALLED: Duration = Duration::from_secs(5);

/// The builder's connection.
pub(super) struct Session {
    conn: PgConnection,
    builder: String,
    pub(super) fence: Fence,
}

/// Identifies this builder's rows in `projections.builds`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    pid: i32,
    started: DateTime<Utc>,
}

impl Session {
    pub(super) async fn open(pool: &PgPool, builder: &str) -> Result<Session, BuildError> {
        let mut conn = pool.acquire().await?.detach();
        let (pid, started) = sqlx::query_as(
            "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()",
        )
        .fetch_one(&mut conn)
        .await?;
        Ok(Session {
            conn,
            builder: builder.to_owned(),
            fence: Fence { pid, started },
        })
    }

    /// Claims the right to build. Drops whatever a dead builder left in `leftovers`.
    pub(super) async fn claim(
        &mut self,
        name: &'static str,
        purpose: Purpose,
        schema: &SchemaName,
        leftovers: &[SchemaName],
        version: i32,
    ) -> Result<(), BuildError> {
        let lock = match purpose {
            Purpose::AsOf => format!("as-of {schema}"),
            Purpose::Anew(_) | Purpose::Rollback => name.to_owned(),
        };
        let free: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext($2))")
            .bind(BUILD_LOCK)
            .bind(&lock)
            .fetch_one(&mut self.conn)
            .await?;
        if !free {
            return Err(BuildError::being_built(
                name,
                self.found(name, schema).await?,
            ));
        }
        let mut transaction = self.conn.begin().await?;
        // Waits for the last transaction of a builder that does not know yet that it has lost its session.
        let names: Vec<&str> = leftovers
            .iter()
            .chain([schema])
            .map(SchemaName::as_str)
            .collect();
        sqlx::query("delete from projections.builds where schema_name = any($1)")
            .bind(names)
            .execute(&mut *transaction)
            .await?;
        act_as_owner(&mut transaction).await?;
        for leftover in leftovers {
            drop_schema(&mut transaction, leftover).await?;
        }
        sqlx::query(
            "insert into projections.builds
                 (schema_name, name, purpose, version, position, target, phase, events_per_second, builder,
                  started_at, updated_at, session_pid, session_started)
             values ($1, $2, $3, $4, 0, 0, 'building', 0, $5, clock_timestamp(), clock_timestamp(), $6, $7)",
        )
        .bind(schema.as_str())
        .bind(name)
        .bind(purpose.as_str())
        .bind(version)
        .bind(&self.builder)
        .bind(self.fence.pid)
        .bind(self.fence.started)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a builder that died left this schema behind.
    pub(super) async fn is_leftover(&mut self, schema: &SchemaName) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "select exists (select from projections.builds where schema_name = $1 and purpose = 'as-of')",
        )
        .bind(schema.as_str())
        .fetch_one(&mut self.conn)
        .await
    }

    async fn found(
        &mut self,
        name: &str,
        schema: &SchemaName,
    ) -> Result<Option<(String, String, DateTime<Utc>)>, sqlx::Error> {
        sqlx::query_as(
            "select purpose, builder, started_at from projections.builds
             where name = $1 and (purpose <> 'as-of' or schema_name = $2)
             order by started_at desc limit 1",
        )
        .bind(name)
        .bind(schema.as_str())
        .fetch_optional(&mut self.conn)
        .await
    }

    /// Records the progress, so that the status shows it.
    pub(super) async fn show(
        &mut self,
        schema: &SchemaName,
        progress: &BuildProgress,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update projections.builds
             set position = $2, target = $3, phase = $4, events_per_second = $5, updated_at = clock_timestamp()
             where schema_name = $1 and session_pid = $6 and session_started = $7",
        )
        .bind(schema.as_str())
        .bind(progress.position)
        .bind(progress.target)
        .bind(progress.phase.as_str())
        .bind(progress.events_per_second)
        .bind(self.fence.pid)
        .bind(self.fence.started)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Removes a build, and its schema if that is no longer needed.
    pub(super) async fn forget(
        &mut self,
        schema: &SchemaName,
        drop: bool,
    ) -> Result<(), BuildError> {
        let fence = self.fence;
        let mut transaction = self.conn.begin().await?;
        // An interrupted statement may still be running; the next builder has more time to wait for it.
        sqlx::query("set local lock_timeout = '2s'")
            .execute(&mut *transaction)
            .await?;
        fence.hold(&mut transaction, schema).await?;
        sqlx::query("delete from projections.builds where schema_name = $1")
            .bind(schema.as_str())
            .execute(&mut *transaction)
            .await?;
        if drop {
            act_as_owner(&mut transaction).await?;
            drop_schema(&mut transaction, schema).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Drops what a switch has set aside.
    pub(super) async fn drop_old(&mut self, schema: &SchemaName) -> Result<(), sqlx::Error> {
        let mut transaction = self.conn.begin().await?;
        sqlx::query("set local lock_timeout = '5s'")
            .execute(&mut *transaction)
            .await?;
        act_as_owner(&mut transaction).await?;
        drop_schema(&mut transaction, schema).await?;
        transaction.commit().await
    }

    /// Ends the session and with it the locks.
    pub(super) async fn close(self) {
        // The server releases the locks even if this fails.
        let _ = self.conn.close().await;
    }
}

impl Fence {
    /// Fails unless the build is still this builder's, and keeps it so until the transaction ends. The server ends the
    /// session if the builder stalls: the projector and the next builder may be waiting for it. The transaction's
    /// commit does not wait for the disk: whatever a crash loses is built again.
    pub(super) async fn hold(
        &self,
        conn: &mut PgConnection,
        schema: &SchemaName,
    ) -> Result<(), BuildError> {
        let held: Option<(String, String)> = sqlx::query_as(
            "select set_config('idle_in_transaction_session_timeout', $4, true),
                 set_config('synchronous_commit', 'off', true)
             from projections.builds
             where schema_name = $1 and session_pid = $2 and session_started = $3 for key share",
        )
        .bind(schema.as_str())
        .bind(self.pid)
        .bind(self.started)
        .bind(STALLED.as_millis().to_string())
        .fetch_optional(conn)
        .await?;
        held.map(drop).ok_or(BuildError::TakenOver)
    }
}

/// Keeps builders of a read model away until the transaction ends, or says who is building it.
pub(crate) async fn keep_builders_out(
    conn: &mut PgConnection,
    name: &'static str,
) -> Result<(), BuildError> {
    let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1, hashtext($2))")
        .bind(BUILD_LOCK)
        .bind(name)
        .fetch_one(&mut *conn)
        .await?;
    if free {
        return Ok(());
    }
    let found = sqlx::query_as(
        "select purpose, builder, started_at from projections.builds
         where name = $1 and purpose <> 'as-of' order by started_at desc limit 1",
    )
    .bind(name)
    .fetch_optional(conn)
    .await?;
    Err(BuildError::being_built(name, found))
}

/// Lasts until the end of the transaction. Read models belong to the group, so that any server may build them.
pub(super) async fn act_as_owner(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("set local role daybook_server")
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn drop_schema(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> Result<(), sqlx::Error> {
    sqlx::query(&format!("drop schema if exists {schema} cascade"))
        .execute(conn)
        .await?;
    Ok(())
}

/// A connection for bulk work, detached from the pool so that its settings do not get back into it.
pub(super) async fn bulk_connection(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    let mut conn = pool.acquire().await?.detach();
    sqlx::query(
        // Indices are already created in parallel.
        "select set_config('statement_timeout', '0', false), set_config('maintenance_work_mem', '128MB', false),
                set_config('work_mem', '64MB', false), set_config('max_parallel_maintenance_workers', '0', false),
                set_config('random_page_cost', '1.1', false), set_config('timezone', 'UTC', false),
                set_config('datestyle', 'ISO, YMD', false), set_config('intervalstyle', 'iso_8601', false),
                set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false)",
    )
    .execute(&mut conn)
    .await?;
    Ok(conn)
}
