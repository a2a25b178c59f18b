//! A sealer that runs as in a server, exports included.

use std::time::Duration;

use daybook_audit::store::{CheckpointStore, exporter};
use daybook_audit::{
    Sealed, Sealer, SealerConfig, SealerState, SigningKey, VerifierKey, latest_checkpoint,
};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::BenchError;

/// After a longer wait the sealer must have stopped.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Running {
    stop: CancellationToken,
    sealed: watch::Receiver<Sealed>,
    tasks: JoinSet<()>,
}

impl Running {
    pub(super) fn start(
        pool: PgPool,
        signers: Vec<SigningKey>,
        trusted: Vec<VerifierKey>,
        store: CheckpointStore,
    ) -> Result<Running, BenchError> {
        let sealer = Sealer::new(pool.clone(), signers, trusted, SealerConfig::default())
            .map_err(BenchError::new)?;
        let (stop, sealed) = (CancellationToken::new(), sealer.sealed());
        let mut tasks = JoinSet::new();
        tasks.spawn(exporter::run(store, pool, sealed.clone(), stop.clone()));
        tasks.spawn(sealer.run(stop.clone()));
        Ok(Running {
            stop,
            sealed,
            tasks,
        })
    }

    pub(super) fn sealed(&self) -> watch::Receiver<Sealed> {
        self.sealed.clone()
    }

    /// Waits until a checkpoint covers this many events.
    pub(super) async fn reaches(&mut self, size: u64) -> Result<(), BenchError> {
        let is_over = |sealed: &Sealed| {
            sealed.size() >= size || matches!(sealed.state, SealerState::Refused { .. })
        };
        let waited = timeout(PATIENCE, self.sealed.wait_for(is_over)).await;
        match waited {
            Ok(Ok(sealed)) if sealed.size() >= size => Ok(()),
            _ => Err(BenchError::new(
                "the log was not sealed; its log lines tell why".to_owned(),
            )),
        }
    }

    pub(super) async fn stop(mut self) -> Result<(), BenchError> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(BenchError::new)?;
        }
        Ok(())
    }
}

/// How many events the newest checkpoint covers.
pub(super) async fn sealed_size(pool: &PgPool) -> Result<u64, BenchError> {
    let mut connection = pool.acquire().await?;
    let newest = latest_checkpoint(&mut connection).await?;
    Ok(newest.map_or(0, |newest| newest.size))
}
