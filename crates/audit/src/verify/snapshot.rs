//! One state of the database, seen through several connections: the log may grow meanwhile.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, query_scalar};

use super::VerifyError;

/// Holds the state for as long as it lives.
pub(super) struct Snapshot {
    options: PgConnectOptions,
    id: String,
    pub(super) connection: PgConnection,
}

impl Snapshot {
    pub(super) async fn take(options: PgConnectOptions) -> Result<Snapshot, VerifyError> {
        let mut connection = begin(&options).await?;
        must_be_tables(&mut connection).await?;
        let id = query_scalar("select pg_export_snapshot()")
            .fetch_one(&mut connection)
            .await?;
        Ok(Snapshot {
            options,
            id,
            connection,
        })
    }

    /// Another connection that sees the same.
    pub(super) async fn join(&self) -> Result<PgConnection, VerifyError> {
        let mut connection = begin(&self.options).await?;
        // Made of hex digits and dashes by the server.
        let statement = format!("set transaction snapshot '{}'", self.id);
        connection.execute(statement.as_str()).await?;
        Ok(connection)
    }

    pub(super) async fn end(self) -> Result<(), VerifyError> {
        Ok(self.connection.close().await?)
    }
}

/// A view could show honest rows to whoever verifies, and others to everybody else.
async fn must_be_tables(connection: &mut PgConnection) -> Result<(), VerifyError> {
    let other: Option<String> = query_scalar(
        "select format('%s.%s', n.nspname, c.relname)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where (n.nspname, c.relname) in
                 (('log', 'events'), ('audit', 'tiles'), ('audit', 'contents'), ('audit', 'checkpoints'))
             and (c.relkind <> 'r' or c.relhasrules)
         limit 1",
    )
    .fetch_optional(connection)
    .await?;
    match other {
        None => Ok(()),
        Some(table) => Err(VerifyError::NoTable { table }),
    }
}

/// Without limits of time: a chunk of a large log on a slow disk may take long. Whoever owns the database may
/// have set the role up to see other functions, or a part of the rows: it sees the first never, and fails on
/// the second.
async fn begin(options: &PgConnectOptions) -> Result<PgConnection, VerifyError> {
    let mut connection = options.connect().await?;
    connection
        .execute(
            "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set jit = off;
             set search_path = pg_catalog, pg_temp; set row_security = off;
             begin isolation level repeatable read read only",
        )
        .await?;
    Ok(connection)
}
