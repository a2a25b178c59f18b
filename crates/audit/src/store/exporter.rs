//! Exports each checkpoint as it is made. Sealing never waits for it: while the store cannot be reached, checkpoints
//! are skipped, and the newest is exported as soon as it can be reached again.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use daybook_database::Backoff;
use error_reporter::Report;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{CheckpointStore, StoreError};
use crate::{Sealed, SignedCheckpoint};

/// Under load several checkpoints are made in a second; of those made within this time, one is kept permanently.
const KEEP_EVERY: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the last export may delay the end of the process.
const LAST_EXPORT: Duration = Duration::from_secs(5);

const EXPORTED_POSITION: &str = "daybook_checkpoint_exported_position";
const FAILURES: &str = "daybook_checkpoint_export_failures_total";

/// Exports what the sealer seals until `stop`, or until there is no sealer any more.
pub async fn run(store: CheckpointStore, sealed: watch::Receiver<Sealed>, stop: CancellationToken) {
    describe_gauge!(
        EXPORTED_POSITION,
        "The last event that the newest exported checkpoint covers."
    );
    describe_counter!(FAILURES, "Attempts at exporting a checkpoint that failed.");
    // Registered now, so that it can be monitored before anything fails.
    counter!(FAILURES).absolute(0);
    let mut exporter = Exporter {
        store,
        sealed,
        exported: None,
        kept: None,
        keep_at: Instant::now(),
        backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        is_failing: false,
    };
    let _ = stop.run_until_cancelled(exporter.follow()).await;
    exporter.keep_at = Instant::now();
    if timeout(LAST_EXPORT, exporter.attempt()).await.is_err() {
        warn!("the last checkpoint was not exported in time; the next start exports it");
    }
}

struct Exporter {
    store: CheckpointStore,
    sealed: watch::Receiver<Sealed>,
    exported: Option<Arc<SignedCheckpoint>>,
    /// The last checkpoint that was kept permanently.
    kept: Option<Arc<SignedCheckpoint>>,
    /// When the next one is to be kept.
    keep_at: Instant,
    backoff: Backoff,
    /// Whether the store is away.
    is_failing: bool,
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
                if mem::take(&mut self.is_failing) {
                    info!("checkpoints are exported again");
                    self.backoff.reset();
                }
                None
            }
            Err(failure) => Some(self.failed(&failure)),
        }
    }

    async fn export(&mut self, newest: Arc<SignedCheckpoint>) -> Result<(), StoreError> {
        if self.exported.as_ref() != Some(&newest) {
            self.store.export(&newest).await?;
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

    fn failed(&mut self, failure: &StoreError) -> Duration {
        counter!(FAILURES).increment(1);
        match failure {
            StoreError::Malformed { .. } | StoreError::Forked { .. } if !self.is_failing => {
                error!(
                    error = %Report::new(failure),
                    "checkpoints are not exported: the store holds another log's"
                );
            }
            _ if !self.is_failing => {
                warn!(
                    error = %Report::new(failure),
                    "checkpoints are not exported until the store is back"
                );
            }
            _ => {}
        }
        self.is_failing = true;
        let pause = self.backoff.pause();
        self.backoff.lengthen();
        pause
    }
}
