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
