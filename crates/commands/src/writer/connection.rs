//! The writer's connection, which is opened again whenever it breaks.

use std::time::Duration;

use daybook_database::{Backoff, is_passing};
use daybook_log::Position;
use daybook_log::append::{Append, append_batch};
use daybook_log::conflict::{self, Conflicts};
use error_reporter::Report;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Between attempts that fail one after another.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
/// A call that takes longer is taken for a broken connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    options: PgConnectOptions,
    open: Option<PgConnection>,
    abandon: CancellationToken,
    /// Before the next attempt at a call.
    pauses: Backoff,
}

/// Why a batch is not in the log.
pub(super) enum Refused {
    /// The database has checked it and refused it.
    ByDatabase(sqlx::Error),
    /// The server is shutting down and the database cannot be reached.
    Abandoned,
}

impl Connection {
    pub(super) fn new(options: &PgConnectOptions, abandon: CancellationToken) -> Connection {
        // JIT compilation costs more than any of the writer's statements.
        let options = options.clone().application_name("daybook writer").options([
            ("jit", "off"),
            ("default_transaction_isolation", "read\\ committed"),
        ]);
        Connection {
            options,
            open: None,
            abandon,
            pauses: PAUSES.at_once(),
        }
    }

    /// The open connection; opened again, however long that takes.
    pub(super) async fn get(&mut self) -> Result<&mut PgConnection, Refused> {
        let mut pauses = PAUSES;
        let open = match self.open.take() {
            Some(open) => open,
            None => loop {
                match timeout(CALL_TIMEOUT, PgConnection::connect_with(&self.options)).await {
                    Ok(Ok(open)) => break open,
                    Ok(Err(error)) => warn!(
                        error = %Report::new(&error),
                        "the writer cannot reach the database"
                    ),
                    Err(_) => warn!("the writer cannot reach the database in time"),
                }
                pauses.wait(&self.abandon).await;
                if self.abandon.is_cancelled() {
                    return Err(Refused::Abandoned);
                }
            },
        };
        Ok(self.open.insert(open))
    }

    /// Appends a batch. If the connection breaks, the outcome is unknown, and the same batch is sent again: if that
    /// succeeds, the first attempt cannot succeed any more, since its sequences are taken; if the first succeeded, the
    /// second is refused, and the batch's own events are found in the log.
    pub(super) async fn append(&mut self, batch: &[&Append]) -> Result<Position, Refused> {
        loop {
            let connection = self.get().await?;
            let outcome = timeout(CALL_TIMEOUT, append_batch(connection, batch)).await;
            if let Some(verdict) = self.verdict(outcome) {
                return verdict;
            }
            self.rest().await?;
        }
    }

    /// What a refused batch conflicts with.
    pub(super) async fn conflicts(&mut self, batch: &[&Append]) -> Result<Conflicts, Refused> {
        loop {
            let connection = self.get().await?;
            let outcome = timeout(CALL_TIMEOUT, conflict::find(connection, batch)).await;
            if let Some(verdict) = self.verdict(outcome) {
                return verdict;
            }
            self.rest().await?;
        }
    }

    /// The positions of the appends of a batch that an earlier attempt wrote.
    pub(super) async fn positions(&mut self, batch: &[&Append]) -> Result<Vec<Position>, Refused> {
        loop {
            let connection = self.get().await?;
            let outcome = timeout(CALL_TIMEOUT, conflict::positions(connection, batch)).await;
            if let Some(verdict) = self.verdict(outcome) {
                return verdict;
            }
            self.rest().await?;
        }
    }

    /// The outcome of a call; `None` if the connection broke and the call must be made again.
    fn verdict<T>(
        &mut self,
        outcome: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Option<Result<T, Refused>> {
        let verdict = match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if is_verdict(&error) => Err(Refused::ByDatabase(error)),
            Ok(Err(error)) => {
                self.broken(&Report::new(&error).to_string());
                return None;
            }
            Err(_) => {
                self.broken("no answer in time");
                return None;
            }
        };
        self.pauses.reset();
        Some(verdict)
    }

    /// Waits longer and longer between attempts that fail one after another: as long as a disk is full, the database
    /// accepts new connections, but nothing that is to be appended.
    async fn rest(&mut self) -> Result<(), Refused> {
        self.pauses.wait(&self.abandon).await;
        match self.abandon.is_cancelled() {
            true => Err(Refused::Abandoned),
            false => Ok(()),
        }
    }

    pub(super) fn broken(&mut self, why: &str) {
        self.open = None;
        info!(
            error = why,
            "the writer's connection broke; the batch is sent again"
        );
    }
}

/// Whether the database has checked the statement and refused it; any other error (a connection that broke, a server
/// that shuts down, starts up, or is out of memory or disk) says nothing about the outcome.
pub(super) fn is_verdict(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => !is_passing(error),
        sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound => {
            true
        }
        _ => false,
    }
}
