//! The writer's connection, which is opened again whenever it breaks.
//!
//! Whenever it is opened, it must have reached a log that holds what this process has acknowledged: otherwise the
//! database was set back, and nothing more is appended.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_database::{Backoff, Standing, begin_session, is_passing};
use daybook_log::append::{Append, append_batch};
use daybook_log::conflict::{self, Conflicts};
use daybook_log::{Position, event_id_at};
use error_reporter::Report;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, query_scalar};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

/// Between attempts that fail one after another.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
/// An append that takes longer is asked about over another connection.
const DOUBTED_AFTER: Duration = Duration::from_secs(2);
/// A call that takes longer is taken for a broken connection.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Shorter than that, so that an append which is given up here does not wait for the log's lock any longer.
const STATEMENT_TIMEOUT: &str = "set statement_timeout = '25s'";

pub(crate) struct Connection {
    options: PgConnectOptions,
    open: Option<PgConnection>,
    /// The process of the database that the open connection has.
    pid: i32,
    /// The epoch of the open connection.
    epoch: u64,
    standing: Standing,
    /// The last event that was acknowledged.
    acknowledged: Option<(Position, Uuid)>,
    /// Set when the database was set back: where an event was that had been acknowledged.
    lost: Arc<OnceLock<Position>>,
    abandon: CancellationToken,
    broken: CancellationToken,
    /// Before the next attempt at a call.
    pauses: Backoff,
    /// That the database would lose what is appended was said, and has not changed since.
    is_warned: bool,
}

/// Why a batch is not in the log.
pub(super) enum Refused {
    /// The database has checked it and refused it.
    ByDatabase(sqlx::Error),
    /// Another instance of the database was met since it was decided. An earlier attempt may have written it.
    Outlived,
    /// The server is shutting down and the database cannot be reached, or the database was set back.
    Abandoned,
}

impl Connection {
    pub(crate) fn new(
        options: &PgConnectOptions,
        standing: Standing,
        abandon: CancellationToken,
        broken: CancellationToken,
        lost: Arc<OnceLock<Position>>,
    ) -> Connection {
        Connection {
            options: options.clone().application_name("daybook writer"),
            open: None,
            pid: 0,
            epoch: standing.epoch(),
            standing,
            acknowledged: None,
            lost,
            abandon,
            broken,
            pauses: PAUSES.at_once(),
            is_warned: false,
        }
    }

    /// The epoch of the open connection; of the next one, if that is known to be another.
    pub(super) fn present_epoch(&self) -> u64 {
        self.standing.epoch()
    }

    /// Waits until another instance of the database was met than the open connection's; then look whether it holds what
    /// was acknowledged, although nothing is to be appended. Cancel safe.
    pub(super) async fn outlived(&self) {
        self.standing.outlives(self.epoch).await;
    }

    /// Whether the database is waited for no longer.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandon.is_cancelled()
    }

    /// Notes what a later connection must find in the log.
    pub(super) fn acknowledge(&mut self, position: Position, event_id: Uuid) {
        if self.acknowledged.is_none_or(|(last, _)| last < position) {
            self.acknowledged = Some((position, event_id));
        }
    }

    /// The open connection, if there is one.
    pub(super) fn opened(&mut self) -> Option<&mut PgConnection> {
        self.open.as_mut()
    }

    /// The open connection; opened again, however long that takes.
    pub(super) async fn get(&mut self) -> Result<&mut PgConnection, Refused> {
        let mut pauses = PAUSES;
        let known = self
            .open
            .take()
            .filter(|_| self.epoch == self.standing.epoch());
        let open = match known {
            Some(open) => open,
            None => loop {
                if self.abandon.is_cancelled() {
                    return Err(Refused::Abandoned);
                }
                let abandon = self.abandon.clone();
                let connecting = timeout(CALL_TIMEOUT, self.connect());
                match abandon.run_until_cancelled(connecting).await {
                    Some(Ok(Ok(open))) => break open,
                    Some(Ok(Err(error))) => warn!(
                        error = %Report::new(&error),
                        "the writer cannot reach the database"
                    ),
                    Some(Err(_)) => warn!("the writer cannot reach the database in time"),
                    None => return Err(Refused::Abandoned),
                }
                pauses.wait(&self.abandon).await;
            },
        };
        Ok(self.open.insert(open))
    }

    /// A new connection to a log that holds what was acknowledged.
    async fn connect(&mut self) -> Result<PgConnection, sqlx::Error> {
        let mut open = PgConnection::connect_with(&self.options).await?;
        self.epoch = begin_session(&mut open, &self.standing).await?;
        open.execute(STATEMENT_TIMEOUT).await?;
        self.pid = query_scalar("select pg_backend_pid()")
            .fetch_one(&mut open)
            .await?;
        if let Some((position, event_id)) = self.acknowledged
            && event_id_at(&mut open, position).await? != Some(event_id)
        {
            error!(
                position,
                %event_id,
                "the database was set back: this event was acknowledged and is not in the log; no more commands are carried out"
            );
            let _ = self.lost.set(position);
            self.broken.cancel();
            self.abandon.cancel();
            return Err(sqlx::Error::WorkerCrashed);
        }
        Ok(open)
    }

    /// Appends a batch that was decided in an epoch. If the connection breaks, the outcome is unknown, and the same
    /// batch is sent again: if that succeeds, the first attempt cannot succeed any more, since its sequences are taken;
    /// if the first succeeded, the second is refused, and the batch's own events are found in the log. To another
    /// instance of the database it is not sent.
    pub(super) async fn append(
        &mut self,
        batch: &[&Append],
        epoch: u64,
    ) -> Result<Position, Refused> {
        loop {
            self.get().await?;
            let Some(connection) = self.open.as_mut().filter(|_| self.epoch == epoch) else {
                return Err(Refused::Outlived);
            };
            let outcome = tokio::select! {
                outcome = timeout(CALL_TIMEOUT, append_batch(connection, batch)) => Some(outcome),
                () = fallen_silent(&self.options, self.pid) => None,
            };
            match outcome.map(|outcome| self.verdict(outcome)) {
                Some(Some(verdict)) => return verdict,
                Some(None) => {}
                None => self.broken("it has fallen silent"),
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
                if is_not_durable(&error) && !self.is_warned {
                    self.is_warned = true;
                    error!(error = %Report::new(&error), "nothing is appended before this is mended");
                }
                self.broken(&Report::new(&error).to_string());
                return None;
            }
            Err(_) => {
                self.broken("no answer in time");
                return None;
            }
        };
        self.pauses.reset();
        self.is_warned = false;
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

/// Returns once the process of a connection is found to be doing nothing, although it was sent a statement: it never
/// came, or the answer was lost. While the process is at work, or cannot be asked about, this waits.
async fn fallen_silent(options: &PgConnectOptions, pid: i32) {
    loop {
        sleep(DOUBTED_AFTER).await;
        let asked = async {
            let mut other = PgConnection::connect_with(options).await?;
            let at_work: bool = query_scalar(
                "select exists (select from pg_stat_activity where pid = $1 and state is distinct from 'idle')",
            )
            .bind(pid)
            .fetch_one(&mut other)
            .await?;
            other.close().await?;
            Ok::<_, sqlx::Error>(at_work)
        };
        if let Ok(Ok(false)) = timeout(CALL_TIMEOUT, asked).await {
            return;
        }
    }
}

/// Whether the database refuses appends because a crash would lose them (migration 20).
fn is_not_durable(error: &sqlx::Error) -> bool {
    let refusal = error.as_database_error();
    refusal.and_then(|refusal| refusal.constraint()) == Some("log_is_durable")
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
