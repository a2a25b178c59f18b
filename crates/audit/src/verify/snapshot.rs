//! One state of the database, seen through several connections, while the log may grow.

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

    /// Opens another connection that sees the same state.
    pub(super) async fn join(&self) -> Result<PgConnection, VerifyError> {
        let mut connection = begin(&self.options).await?;
        // The server makes it of hex digits and dashes, so it is safe in a statement.
        let statement = format!("set transaction snapshot '{}'", self.id);
        connection.execute(statement.as_str()).await?;
        Ok(connection)
    }

    pub(super) async fn end(self) -> Result<(), VerifyError> {
        Ok(self.connection.close().await?)
    }
}

/// A view could show honest rows to the verifier, and different ones to everybody else.
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

/// Without time limits: a chunk of a large log on a slow disk may take long. The owner of the database may have
/// configured the role to see other functions, or only a part of the rows: the fixed search path prevents the first,
/// and with the second the queries fail.
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
