//! One projection's worker.

use std::{error::Error, sync::Arc, time::Instant};

use daybook_log::{Feed, LogError, Poison, Position, RecordedEvent};
use sqlx::PgPool;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    backoff::Backoff,
    batch::{BatchError, commit_batch, commit_skip},
    checkpoint::{Checkpoint, CheckpointState},
    config::ProjectorConfig,
    lease::{Lease, LeaseError},
    obstacle::{Obstacle, blames_the_data},
};
use crate::projection::{ApplyError, Projection};

pub(super) struct Worker {
    projection: Arc<dyn Projection>,
    feed: Feed,
    pool: PgPool,
    config: Arc<ProjectorConfig>,
    holder: Arc<str>,
    head: watch::Receiver<Position>,
    shutdown: CancellationToken,
    /// Most events in the next batch: halved by each failure, doubled by each success.
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
    #[error("the lease was lost")]
    Lease(#[from] LeaseError),
    #[error("the database did not answer in time")]
    TimedOut,
    #[error(
        "its rows were made by version {stored} and this binary makes version {own}: the read model must be rebuilt"
    )]
    OtherVersion { stored: i32, own: i32 },
}

impl Worker {
    pub(super) fn new(
        projection: Arc<dyn Projection>,
        feed: Feed,
        pool: PgPool,
        config: Arc<ProjectorConfig>,
        holder: Arc<str>,
        head: watch::Receiver<Position>,
        shutdown: CancellationToken,
    ) -> Worker {
        let batch_size = config.batch_size.max(1);
        Worker {
            projection,
            feed,
            pool,
            config,
            holder,
            head,
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
            let Some(lease) = self.take_lease(&mut backoff).await else {
                return;
            };
            let ended = self.project_under(&lease, &mut backoff).await;
            // Where this fails the lease expires by itself.
            if !matches!(timeout(lease.ttl(), lease.release()).await, Ok(Ok(()))) {
                debug!(projection = self.name(), "could not release a lease");
            }
            if let Err(error) = ended {
                warn!(
                    projection = self.name(),
                    error = &error as &dyn Error,
                    "a projector starts over"
                );
                backoff.wait(&self.shutdown).await;
            }
        }
    }

    /// Waits for the lease; `None` at shutdown.
    async fn take_lease(&self, backoff: &mut Backoff) -> Option<Lease> {
        let mut told = false;
        while !self.shutdown.is_cancelled() {
            let asked =
                Lease::acquire(&self.pool, self.name(), &self.holder, self.config.lease_ttl);
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
                        error = &error as &dyn Error,
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
        let renewal = async {
            loop {
                sleep(lease.ttl() / 3).await;
                if let Err(error) = lease.renew().await {
                    return Err(WorkerError::from(error));
                }
            }
        };
        tokio::select! {
            projected = self.project(lease, backoff) => projected,
            failed = renewal => failed,
        }
    }

    /// Projects batch after batch; returns at shutdown, between two transactions.
    async fn project(&mut self, lease: &Lease, backoff: &mut Backoff) -> Result<(), WorkerError> {
        let mut checkpoint = Checkpoint::load(&self.pool, &*self.projection).await?;
        if checkpoint.version != self.projection.version() {
            return Err(WorkerError::OtherVersion {
                stored: checkpoint.version,
                own: self.projection.version(),
            });
        }
        while !self.shutdown.is_cancelled() {
            // Seen before the log is looked at: what is appended after that look wakes the worker.
            self.head.mark_unchanged();
            let read = timeout(
                self.config.statement_timeout,
                self.feed.read_after(checkpoint.position, self.batch_size),
            )
            .await
            .map_err(|_| WorkerError::TimedOut)??;
            self.measure_lag(checkpoint.position, read.events.len());
            if read.events.is_empty() {
                match read.poison {
                    Some(poison) => self.meet(poison, &mut checkpoint, lease).await?,
                    None => {
                        backoff.reset();
                        self.wait_for_events().await;
                    }
                }
                continue;
            }
            let commit = self.commit(lease, &checkpoint, &read.events);
            // Each statement has its own limit; this one is for a connection that has gone silent.
            match timeout(2 * self.config.statement_timeout, commit)
                .await
                .map_err(|_| WorkerError::TimedOut)?
            {
                Ok(position) => {
                    checkpoint.position = position;
                    checkpoint.state = CheckpointState::Live;
                    self.batch_size = self
                        .batch_size
                        .saturating_mul(2)
                        .min(self.config.batch_size.max(1));
                    backoff.reset();
                }
                Err(failure) => {
                    self.get_past(failure, &mut checkpoint, lease, &read.events)
                        .await?
                }
            }
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
        let name = self.name();
        metrics::gauge!("daybook_projection_position", "projection" => name).set(position as f64);
        metrics::histogram!("daybook_projection_batch_size", "projection" => name)
            .record(events.len() as f64);
        metrics::histogram!("daybook_projection_apply_seconds", "projection" => name)
            .record(started.elapsed());
        Ok(position)
    }

    /// An event that cannot be decoded halts the projectors that are concerned by its aggregate. The
    /// others know that it has no effect on them without knowing what it says, also where only a
    /// later version of this program knows the aggregate.
    async fn meet(
        &mut self,
        poison: Poison,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
    ) -> Result<(), WorkerError> {
        let follows = poison.position == checkpoint.position + 1;
        let aggregate = poison
            .stream
            .split('/')
            .next()
            .and_then(|name| name.parse().ok());
        let concerned =
            aggregate.is_some_and(|aggregate| self.projection.aggregates().contains(&aggregate));
        if concerned || !follows {
            return self.halt(checkpoint, lease, poison.into()).await;
        }
        warn!(
            projection = self.name(),
            position = poison.position,
            "event.type" = poison.event_type,
            "passed an event that cannot be decoded but is of no concern here"
        );
        checkpoint.position = commit_skip(&self.pool, &*self.projection, lease, checkpoint).await?;
        Ok(())
    }

    /// Narrows the next batch down to what comes before a bad event, and halts once that event is
    /// the next. Failures that no event is to blame for make the worker start over.
    async fn get_past(
        &mut self,
        failure: BatchError,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
        events: &[RecordedEvent],
    ) -> Result<(), WorkerError> {
        self.batch_size = (self.batch_size.min(events.len() as i64) / 2).max(1);
        let bad = match &failure {
            BatchError::Apply(ApplyError::Unfoldable { position, .. }) => *position,
            BatchError::Gap { found, .. } => *found,
            BatchError::Apply(ApplyError::Database(error)) if blames_the_data(error) => {
                match events {
                    [only] => only.position,
                    // Which of them is not known: halves tell.
                    _ => return Ok(()),
                }
            }
            BatchError::Apply(ApplyError::Database(_))
            | BatchError::Lease(_)
            | BatchError::CheckpointMoved(_)
            | BatchError::Database(_) => return Err(failure.into()),
        };
        let good = events
            .iter()
            .take_while(|event| event.position != bad)
            .count();
        if good > 0 {
            self.batch_size = good as i64;
            return Ok(());
        }
        let obstacle = Obstacle::new(bad, events.first(), &failure);
        self.halt(checkpoint, lease, obstacle).await
    }

    /// Records the obstacle, then waits until an operator sets the projector going again. The lease
    /// is kept: another process would only meet the same event.
    async fn halt(
        &mut self,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
        obstacle: Obstacle,
    ) -> Result<(), WorkerError> {
        let mut transaction = self.pool.begin().await?;
        lease.check(&mut transaction).await?;
        checkpoint.halt(&mut transaction, &obstacle).await?;
        transaction.commit().await?;
        error!(
            projection = self.name(),
            position = obstacle.position,
            "event.type" = obstacle.event_type,
            error = obstacle.error,
            "a projector halted"
        );
        while !self.shutdown.is_cancelled() {
            let _ = self
                .shutdown
                .run_until_cancelled(sleep(self.config.poll_interval))
                .await;
            self.measure_lag(checkpoint.position, 0);
            *checkpoint = Checkpoint::load(&self.pool, &*self.projection).await?;
            if checkpoint.state == CheckpointState::Live {
                info!(projection = self.name(), "a halted projector goes on");
                return Ok(());
            }
        }
        Ok(())
    }

    async fn wait_for_events(&mut self) {
        let poll_interval = self.config.poll_interval;
        tokio::select! {
            // An error means that the waker has ended, which it does at shutdown.
            _ = self.head.changed() => {}
            () = sleep(poll_interval) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    fn measure_lag(&self, position: Position, read: usize) {
        let seen = position + read as i64;
        let head = (*self.head.borrow()).max(seen);
        metrics::gauge!("daybook_projection_lag_events", "projection" => self.name())
            .set((head - position) as f64);
    }
}
