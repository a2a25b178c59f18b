//! One projection's worker.

mod hold;
mod obstacle;
mod version;

use std::{sync::Arc, time::Instant};

use daybook_database::{Backoff, Lease, LeaseError};
use daybook_log::{Feed, LogError, Position, RecordedEvent};
use error_reporter::Report;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    LEASES,
    batch::{BatchError, commit_batch},
    checkpoint::{Checkpoint, CheckpointState},
    config::ProjectorConfig,
    operation::WorkerSignals,
};
use crate::{measure, projection::Projection, rebuild::BuildError};

pub(super) struct Worker {
    projection: Arc<dyn Projection>,
    feed: Feed,
    pool: PgPool,
    config: Arc<ProjectorConfig>,
    holder: Arc<str>,
    signals: WorkerSignals,
    shutdown: CancellationToken,
    /// The most events in the next batch: halved by each failure, doubled by each success.
    batch_size: i64,
}

/// Why a worker starts over.
#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error("the feed cannot be read")]
    Feed(#[from] LogError),
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("a batch was not committed")]
    Batch(#[from] BatchError),
    #[error("the rows could not be built anew")]
    Build(#[from] BuildError),
    #[error("the lease was lost")]
    Lease(#[from] LeaseError),
    #[error("the database did not answer in time")]
    TimedOut,
    #[error("its rows were made by version {stored} and this binary makes version {own}")]
    OtherVersion { stored: i32, own: i32 },
}

impl Worker {
    pub(super) fn new(
        projection: Arc<dyn Projection>,
        feed: Feed,
        pool: PgPool,
        config: Arc<ProjectorConfig>,
        holder: Arc<str>,
        signals: WorkerSignals,
        shutdown: CancellationToken,
    ) -> Worker {
        let batch_size = config.batch_size.max(1);
        Worker {
            projection,
            feed,
            pool,
            config,
            holder,
            signals,
            shutdown,
            batch_size,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.projection.name()
    }

    /// Projects until shutdown, starting over after every failure.
    pub(super) async fn run(&mut self) {
        let mut backoff = Backoff::default();
        while !self.shutdown.is_cancelled() {
            if let Err(error) = self.take_turn(&mut backoff).await {
                warn!(
                    projection = self.name(),
                    error = %Report::new(&error),
                    "a projector starts over"
                );
                backoff.wait(&self.shutdown).await;
            }
        }
    }

    async fn take_turn(&mut self, backoff: &mut Backoff) -> Result<(), WorkerError> {
        self.reach_own_version().await?;
        let Some(lease) = self.take_lease(backoff).await else {
            return Ok(());
        };
        let ended = self.project_under(&lease, backoff).await;
        // If this fails, the lease expires by itself.
        if !matches!(timeout(lease.ttl(), lease.release()).await, Ok(Ok(()))) {
            debug!(projection = self.name(), "could not release a lease");
        }
        ended
    }

    /// Waits for the lease; `None` at shutdown.
    async fn take_lease(&self, backoff: &mut Backoff) -> Option<Lease> {
        let mut told = false;
        while !self.shutdown.is_cancelled() {
            let asked =
                LEASES.acquire(&self.pool, self.name(), &self.holder, self.config.lease_ttl);
            let asked = async { Ok::<_, WorkerError>(self.in_time(asked).await??) };
            match self.shutdown.run_until_cancelled(asked).await? {
                Ok(Some(lease)) => {
                    info!(
                        projection = self.name(),
                        fencing = lease.fencing(),
                        "took the lease"
                    );
                    return Some(lease);
                }
                Ok(None) => {
                    if !told {
                        info!(
                            projection = self.name(),
                            "another worker has the lease, standing by"
                        );
                        told = true;
                    }
                    let _ = self
                        .shutdown
                        .run_until_cancelled(sleep(self.config.standby_interval()))
                        .await;
                }
                Err(error) => {
                    warn!(
                        projection = self.name(),
                        error = %Report::new(&error),
                        "could not ask for the lease"
                    );
                    backoff.wait(&self.shutdown).await;
                }
            }
        }
        None
    }

    async fn project_under(
        &mut self,
        lease: &Lease,
        backoff: &mut Backoff,
    ) -> Result<(), WorkerError> {
        tokio::select! {
            projected = self.project(lease, backoff) => projected,
            Err(error) = lease.keep() => Err(error.into()),
        }
    }

    /// Projects batch after batch; returns at shutdown, between two transactions.
    async fn project(&mut self, lease: &Lease, backoff: &mut Backoff) -> Result<(), WorkerError> {
        let mut checkpoint = self.load().await?;
        while !self.shutdown.is_cancelled() {
            // An error means that the waker has ended, which it does at shutdown.
            if self.signals.operations.has_changed().unwrap_or(false) {
                checkpoint = self.load().await?;
            }
            if checkpoint.state == CheckpointState::Paused {
                checkpoint = self.hold(checkpoint).await?;
                continue;
            }
            // Marked as seen before the log is looked at: what is appended after that look wakes the worker.
            self.signals.head.mark_unchanged();
            let read = self.feed.read_after(checkpoint.position, self.batch_size);
            let read = self.in_time(read).await??;
            self.measure_lag(checkpoint.position, &read.events);
            if !read.events.is_empty() {
                self.take(read.events, &mut checkpoint, lease, backoff)
                    .await?;
            } else if let Some(poison) = read.poison {
                self.meet(poison, &mut checkpoint, lease).await?;
            } else {
                backoff.reset();
                self.wait().await;
            }
        }
        Ok(())
    }

    /// The checkpoint as it is now, if its rows are of this binary's version.
    async fn load(&mut self) -> Result<Checkpoint, WorkerError> {
        // Marked as seen first, so that what an operator does after this look is noticed.
        self.signals.operations.mark_unchanged();
        let load = Checkpoint::load(&self.pool, &*self.projection);
        let checkpoint = self.in_time(load).await??;
        let own = self.projection.version();
        match checkpoint.version == own {
            true => Ok(checkpoint),
            false => Err(WorkerError::OtherVersion {
                stored: checkpoint.version,
                own,
            }),
        }
    }

    /// Applies events that follow the checkpoint, or as many of them as possible.
    async fn take(
        &mut self,
        events: Vec<RecordedEvent>,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
        backoff: &mut Backoff,
    ) -> Result<(), WorkerError> {
        let commit = self.commit(lease, checkpoint, &events);
        match self.in_time(commit).await? {
            Ok(position) => {
                checkpoint.position = position;
                checkpoint.state = CheckpointState::Live;
                self.batch_size = self
                    .batch_size
                    .saturating_mul(2)
                    .min(self.config.batch_size.max(1));
                backoff.reset();
            }
            // An operator paused it, or reset or exchanged the rows: nothing is wrong, the worker continues from there.
            Err(BatchError::CheckpointMoved(_)) => *checkpoint = self.load().await?,
            Err(failure) => self.get_past(failure, checkpoint, lease, &events).await?,
        }
        Ok(())
    }

    async fn commit(
        &self,
        lease: &Lease,
        checkpoint: &Checkpoint,
        events: &[RecordedEvent],
    ) -> Result<Position, BatchError> {
        let started = Instant::now();
        let position = commit_batch(
            &self.pool,
            &*self.projection,
            lease,
            checkpoint,
            events,
            self.config.statement_timeout,
        )
        .await?;
        measure::batch(self.name(), position, events.len(), started.elapsed());
        Ok(position)
    }

    fn measure_lag(&self, position: Position, read: &[RecordedEvent]) {
        let seen = position + read.len() as i64;
        let head = (*self.signals.head.borrow()).max(seen);
        let waiting_since = read.first().map(|event| event.recorded_at);
        measure::lag(self.name(), head - position, waiting_since);
    }

    /// Waits for the database, which may have stopped answering: whatever limits the server sets itself, no wait is
    /// endless.
    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Result<T, WorkerError> {
        let limit = 2 * self.config.statement_timeout;
        timeout(limit, call)
            .await
            .map_err(|_elapsed| WorkerError::TimedOut)
    }

    /// Returns when an operator may have done something.
    async fn wait_for_operator(&mut self) {
        tokio::select! {
            _ = self.signals.operations.changed() => {}
            () = sleep(self.config.poll_interval) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    /// Returns when there may be something to do.
    async fn wait(&mut self) {
        let poll_interval = self.config.poll_interval;
        // An error means that the waker has ended, which it does at shutdown.
        tokio::select! {
            _ = self.signals.head.changed() => {}
            _ = self.signals.operations.changed() => self.signals.operations.mark_changed(),
            () = sleep(poll_interval) => self.signals.operations.mark_changed(),
            () = self.shutdown.cancelled() => {}
        }
    }
}
