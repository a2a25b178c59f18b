//! The role `sealer`: the sealer with its keys, the export of its checkpoints, and its metric.

use std::path::PathBuf;
use std::time::Duration;

use daybook_audit::store::exporter;
use daybook_audit::{CheckpointStore, Sealed, Sealer, SealerConfig, SealerState, VerifierKey};
use daybook_keys as keys;
use daybook_log::Feed;
use error_reporter::Report;
use metrics::{describe_gauge, gauge};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::Server;
use super::background::Background;
use crate::failure::Failure;

/// Asking what the tree was when it is exported, and a spare one. Two more leave the pool for as long as this process
/// seals: that of the lease, and the one over which the log is read. Listening has one of its own.
const CONNECTIONS: u32 = 2;

/// How long sealing may delay the end of the process.
const PATIENCE: Duration = Duration::from_secs(2);

const REFUSED: &str = "daybook_sealing_refused";

/// The parts of the sealer, before any of them runs.
pub(super) struct PreparedSealer {
    sealer: Sealer,
    observer: Observer,
    store: CheckpointStore,
    pool: PgPool,
}

impl PreparedSealer {
    /// Creates the signing key if there is none.
    pub(super) fn of(server: &Server<'_>) -> Result<PreparedSealer, Failure> {
        let data = &server.config.data;
        let signers = keys::checkpoint_signers(&data.folder, data.checkpoint_key())?;
        let trusted = keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?;
        let observer = Observer {
            signing: signers.iter().map(|key| key.verifier().clone()).collect(),
            retires: data.checkpoint_key().is_none(),
            data: data.folder.clone(),
        };
        let pool = server.database.worker_pool(CONNECTIONS);
        let sealer = Sealer::new(pool.clone(), signers, trusted, SealerConfig::default()).map_err(
            |source| Failure::Unusable {
                what: "DAYBOOK_CHECKPOINT_KEY",
                source: source.into(),
            },
        )?;
        let store = server.store.clone();
        Ok(PreparedSealer {
            sealer: sealer.continuing(store.clone()),
            observer,
            store,
            pool,
        })
    }
}

pub(super) struct Sealing {
    sealed: watch::Receiver<Sealed>,
    sealer: Background,
    exporter: Background,
    observer: Background,
}

impl Sealing {
    pub(super) fn start(prepared: PreparedSealer) -> Sealing {
        let PreparedSealer {
            sealer,
            observer,
            store,
            pool,
        } = prepared;
        let sealed = sealer.sealed();
        Sealing {
            observer: Background::start("observing the sealer", |stop| {
                observer.run(sealed.clone(), stop)
            }),
            exporter: Background::start("exporting checkpoints", |stop| {
                exporter::run(store, pool, sealed.clone(), stop)
            }),
            sealer: Background::start("sealing", |stop| sealer.run(stop)),
            sealed,
        }
    }

    /// Seals the last events, unless that takes too long, and exports the checkpoint.
    pub(super) async fn stop(mut self, feed: &Feed) {
        if timeout(PATIENCE, self.finish(feed)).await.is_err() {
            debug!("the last events are sealed at the next start");
        }
        self.sealer.stop().await;
        self.observer.stop().await;
        self.exporter.stop().await;
    }

    async fn finish(&mut self, feed: &Feed) {
        if self.sealed.borrow().state != SealerState::Sealing {
            return;
        }
        if let Ok(head) = feed.head().await {
            let head = head.unsigned_abs();
            let is_over =
                |sealed: &Sealed| sealed.size() >= head || sealed.state != SealerState::Sealing;
            let _ = self.sealed.wait_for(is_over).await;
        }
    }
}

/// Watches the state of the sealer.
struct Observer {
    data: PathBuf,
    /// The public parts of its signing keys.
    signing: Vec<VerifierKey>,
    /// Whether the signing keys are our own files, so that replaced keys can be deleted.
    retires: bool,
}

impl Observer {
    async fn run(mut self, mut sealed: watch::Receiver<Sealed>, stop: CancellationToken) {
        describe_gauge!(
            REFUSED,
            "1 while this process refuses to seal and somebody must look at it, else 0."
        );
        loop {
            let now = sealed.borrow_and_update().clone();
            let is_refused = matches!(now.state, SealerState::Refused { .. });
            gauge!(REFUSED).set(f64::from(u8::from(is_refused)));
            self.retire(&now).await;
            match stop.run_until_cancelled(sealed.changed()).await {
                Some(Ok(())) => {}
                _ => return,
            }
        }
    }

    /// Deletes the older keys once a checkpoint in the database has the signatures of all keys.
    async fn retire(&mut self, sealed: &Sealed) {
        let Some(checkpoint) = &sealed.checkpoint else {
            return;
        };
        let is_signed_by_all = checkpoint
            .signers(&self.signing)
            .is_ok_and(|signers| signers.len() == self.signing.len());
        if !self.retires || self.signing.len() < 2 || !is_signed_by_all {
            return;
        }
        self.retires = false;
        let folder = self.data.clone();
        let retired =
            tokio::task::spawn_blocking(move || keys::retire_checkpoint_signers(&folder)).await;
        match retired {
            Ok(Ok(retired)) => info!(
                retired,
                "the older signing keys have signed for the last time"
            ),
            Ok(Err(error)) => error!(
                error = %Report::new(&error),
                "older signing keys could not be removed from keys/checkpoint.key"
            ),
            Err(error) => error!(%error, "removing older signing keys did not end cleanly"),
        }
    }
}
