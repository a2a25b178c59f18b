//! Keeps the read models up to date with the log.
//!
//! Each projection has a worker: it takes the projection's lease, then reads the feed after its
//! checkpoint, folds a batch and commits rows and checkpoint together, until it is told to stop.
//!
//! What holds:
//! - Rows and checkpoint move in one transaction, which also proves that the lease is still held: an
//!   effect happens exactly once, and a worker that was replaced while it slept commits nothing.
//! - A checkpoint moves from the position that the worker read to a later one, or not at all.
//! - An event that cannot be projected halts only the projectors that it concerns. A database that cannot
//!   be reached halts none: workers try again until it is back.

mod batch;
mod checkpoint;
mod config;
mod obstacle;
mod operation;
mod worker;

use std::{panic::AssertUnwindSafe, sync::Arc};

use daybook_database::{Backoff, LeaseTable};
use daybook_log::{Feed, Wake};
use futures::FutureExt;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use self::{
    batch::{BatchError, PROJECTION_CHANNEL, commit_batch},
    checkpoint::{Checkpoint, CheckpointState, UnknownState},
    config::ProjectorConfig,
};
pub(crate) use self::{
    batch::{Notification, announce_switch},
    checkpoint::RATE_SECONDS,
    operation::announce_operation,
};
use self::{operation::WorkerSignals, worker::Worker};
use crate::{measure, projection::Projection, registry::registry};

/// Who may write to a read model, by its name.
pub const LEASES: LeaseTable = LeaseTable {
    table: "projections.leases",
    key_column: "name",
    key_type: "text",
};

/// Runs every projector until `shutdown`, and returns when each has let go of its lease.
///
/// `pool` needs a connection for each projection and one to listen with.
pub async fn run(feed: Feed, pool: PgPool, config: ProjectorConfig, shutdown: CancellationToken) {
    run_projections(registry(), feed, pool, config, shutdown).await;
}

/// Like [`run`], for some projections only.
pub async fn run_projections(
    projections: Vec<Arc<dyn Projection>>,
    feed: Feed,
    pool: PgPool,
    config: ProjectorConfig,
    shutdown: CancellationToken,
) {
    measure::describe();
    let holder: Arc<str> = config.holder().into();
    let config = Arc::new(config);
    let mut wake = Wake::new(feed.clone(), config.poll_interval);
    let signals = WorkerSignals::of(&mut wake);
    let mut tasks = JoinSet::new();
    for projection in projections {
        let worker = Worker::new(
            projection,
            feed.clone(),
            pool.clone(),
            Arc::clone(&config),
            Arc::clone(&holder),
            signals.clone(),
            shutdown.clone(),
        );
        tasks.spawn(keep_running(worker, shutdown.clone()));
    }
    tasks.spawn(wake.run(shutdown));
    while let Some(ended) = tasks.join_next().await {
        if let Err(failure) = ended {
            error!(error = %failure, "a task of the projectors ended unexpectedly");
        }
    }
}

/// Restarts a worker that panicked: a defect in one projection must not end the others, nor stay
/// unnoticed.
async fn keep_running(mut worker: Worker, shutdown: CancellationToken) {
    let mut backoff = Backoff::default();
    while AssertUnwindSafe(worker.run()).catch_unwind().await.is_err() {
        error!(
            projection = worker.name(),
            "a projector panicked and is started again"
        );
        backoff.wait(&shutdown).await;
    }
}
