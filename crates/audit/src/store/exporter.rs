//! Exports each checkpoint as it is made. Sealing never waits for it: while the store cannot be reached, checkpoints
//! are skipped, and the newest is exported as soon as it can be reached again.
//!
//! A checkpoint of another history than the newest exported one is never exported: what the store has is the proof of
//! the first one.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use daybook_database::Backoff;
use error_reporter::Report;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{CheckpointStore, Exported, StoreError};
use crate::{AuditError, Checkpoint, Sealed, SignedCheckpoint, tiles};

/// Under load several checkpoints are made in a second; of those made within this time, one is kept permanently.
const KEEP_EVERY: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the last export may delay the end of the process.
const LAST_EXPORT: Duration = Duration::from_secs(5);

const EXPORTED_POSITION: &str = "daybook_checkpoint_exported_position";
const FAILURES: &str = "daybook_checkpoint_export_failures_total";
const REFUSED: &str = "daybook_checkpoint_export_refused";

/// Why a checkpoint was not exported.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("the store of checkpoints did not take it")]
    Store(#[from] StoreError),
    #[error("the tree could not be read")]
    Tree(#[from] AuditError),
    #[error(
        "the tree of {size} events is not of the same history as the {exported} events that were exported before: the database was set back, or rewritten"
    )]
    OtherTree { size: u64, exported: u64 },
}

impl ExportError {
    /// Whether the store holds something else than this log's history, which does not pass by itself.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            ExportError::OtherTree { .. }
                | ExportError::Store(StoreError::Malformed { .. } | StoreError::Forked { .. })
        )
    }
}

/// Exports what the sealer seals until `stop`, or until there is no sealer any more. `pool` is asked whether a tree
/// begins with the one that was exported last.
pub async fn run(
    store: CheckpointStore,
    pool: PgPool,
    sealed: watch::Receiver<Sealed>,
    stop: CancellationToken,
) {
    describe_gauge!(
        EXPORTED_POSITION,
        "The last event that the newest exported checkpoint covers."
    );
    describe_counter!(FAILURES, "Attempts at exporting a checkpoint that failed.");
    describe_gauge!(
        REFUSED,
        "1 while the store of checkpoints holds another history than the log and somebody must look at it, else 0."
    );
    // Registered now, so that it can be monitored before anything fails.
    counter!(FAILURES).absolute(0);
    gauge!(REFUSED).set(0.0);
    let mut exporter = Exporter {
        store,
        pool,
        sealed,
        exported: None,
        kept: None,
        keep_at: Instant::now(),
        backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        failing: None,
    };
    let _ = stop.run_until_cancelled(exporter.follow()).await;
    exporter.keep_at = Instant::now();
    if timeout(LAST_EXPORT, exporter.attempt()).await.is_err() {
        warn!("the last checkpoint was not exported in time; the next start exports it");
    }
}

struct Exporter {
    store: CheckpointStore,
    pool: PgPool,
    sealed: watch::Receiver<Sealed>,
    exported: Option<Arc<SignedCheckpoint>>,
    /// The last checkpoint that was kept permanently.
    kept: Option<Arc<SignedCheckpoint>>,
    /// When the next one is to be kept.
    keep_at: Instant,
    backoff: Backoff,
    /// Whether the last attempt failed, and by a refusal.
    failing: Option<bool>,
}

impl Exporter {
    async fn follow(&mut self) {
        loop {
            match self.attempt().await {
                Some(pause) => tokio::time::sleep(pause).await,
                None if !self.wait().await => return,
                None => {}
            }
        }
    }

    /// Waits until there is something to do; returns `false` if there never will be.
    async fn wait(&mut self) -> bool {
        let is_due = self.exported != self.kept;
        tokio::select! {
            changed = self.sealed.changed() => changed.is_ok(),
            () = sleep_until(self.keep_at), if is_due => true,
        }
    }

    /// Returns how long to pause before the next attempt if this one failed.
    async fn attempt(&mut self) -> Option<Duration> {
        let newest = self.sealed.borrow_and_update().checkpoint.clone()?;
        match self.export(newest).await {
            Ok(()) => {
                if self.failing.take().is_some() {
                    info!("checkpoints are exported again");
                    gauge!(REFUSED).set(0.0);
                    self.backoff.reset();
                }
                None
            }
            Err(failure) => Some(self.failed(&failure)),
        }
    }

    async fn export(&mut self, newest: Arc<SignedCheckpoint>) -> Result<(), ExportError> {
        if self.exported.as_ref() != Some(&newest) {
            self.replace(&newest).await?;
            gauge!(EXPORTED_POSITION).set(newest.size() as f64);
            self.exported = Some(Arc::clone(&newest));
        }
        if self.kept.as_ref() != Some(&newest) && Instant::now() >= self.keep_at {
            self.store.keep(&newest, Utc::now().date_naive()).await?;
            self.keep_at = Instant::now() + KEEP_EVERY;
            self.kept = Some(newest);
        }
        Ok(())
    }

    /// Makes it the newest in the store, if it is of the history that is there.
    async fn replace(&self, newest: &SignedCheckpoint) -> Result<(), ExportError> {
        let mut shown = match &self.exported {
            Some(exported) if self.is_shown(exported.checkpoint(), newest).await? => {
                Some(exported.checkpoint().clone())
            }
            _ => None,
        };
        // Somebody else may replace the one that is there meanwhile.
        while let Exported::Unproven(there) = self.store.export(newest, shown.as_ref()).await? {
            if !self.is_shown(&there, newest).await? {
                return Err(ExportError::OtherTree {
                    size: newest.size(),
                    exported: there.size,
                });
            }
            shown = Some(there);
        }
        Ok(())
    }

    async fn is_shown(
        &self,
        exported: &Checkpoint,
        newest: &SignedCheckpoint,
    ) -> Result<bool, AuditError> {
        let mut connection = self.pool.acquire().await?;
        tiles::holds_both(&mut connection, exported, newest.checkpoint()).await
    }

    fn failed(&mut self, failure: &ExportError) -> Duration {
        counter!(FAILURES).increment(1);
        let is_refusal = failure.is_refusal();
        gauge!(REFUSED).set(f64::from(u8::from(is_refusal)));
        if self.failing.replace(is_refusal) != Some(is_refusal) {
            let error = Report::new(failure);
            match is_refusal {
                true => {
                    error!(%error, "checkpoints are not exported: the store holds another history")
                }
                false => warn!(%error, "checkpoints are not exported for now"),
            }
        }
        let pause = self.backoff.pause();
        self.backoff.lengthen();
        pause
    }
}
