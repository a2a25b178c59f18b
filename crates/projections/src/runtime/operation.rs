//! What operators do to a projection is announced to its workers, wherever they are.

use daybook_log::{Position, Wake};
use sqlx::PgConnection;
use tokio::sync::watch;

/// Where every action of an operator on a projection is announced, as the projection's name.
const OPERATION_CHANNEL: &str = "daybook_operation";

/// What a worker hears.
#[derive(Clone)]
pub(super) struct WorkerSignals {
    /// Changes when the log may have grown.
    pub(super) head: watch::Receiver<Position>,
    /// Changes when an operator may have done something.
    pub(super) operations: watch::Receiver<()>,
}

impl WorkerSignals {
    pub(super) fn of(wake: &mut Wake) -> WorkerSignals {
        WorkerSignals {
            head: wake.head(),
            operations: wake.also(OPERATION_CHANNEL),
        }
    }
}

/// Wakes the workers of a projection once the transaction commits.
pub(crate) async fn announce_operation(
    conn: &mut PgConnection,
    name: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(OPERATION_CHANNEL)
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}
