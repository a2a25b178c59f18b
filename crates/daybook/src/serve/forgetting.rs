//! Erasing persons, which every server does whatever its roles are.

use std::time::Duration;

use daybook_accounts::erasure::{self, Erasures, Sweeper};
use daybook_audit::store::CheckpointStore;
use daybook_commands::CommandBus;
use daybook_database::Standing;
use error_reporter::Report;
use tokio::time::sleep;
use tracing::warn;

use super::background::Background;
use crate::site::core::Core;
use crate::site::database::Database;

/// Between two attempts at repeating erasures.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Forgetting {
    hearing: Background,
    sweeping: Background,
    repeating: Background,
}

impl Forgetting {
    pub(super) fn start(
        database: &Database,
        core: &Core,
        erasures: &Erasures,
        store: &CheckpointStore,
    ) -> Forgetting {
        // One connection to query and one to sweep; listening has one of its own.
        let pool = database.worker_pool(2);
        let sweeper = Sweeper::new(pool.clone(), store.clone());
        let repeated =
            repeat_on_later_instances(database.standing.clone(), core.bus.clone(), store.clone());
        let (hearer, woken) = (erasures.clone(), erasures.clone());
        Forgetting {
            hearing: Background::start("erasures", |stop| async move {
                hearer.run(pool, stop).await;
            }),
            sweeping: Background::start("sweeper", |stop| sweeper.run(woken, stop)),
            repeating: Background::start("repeated erasures", |stop| async move {
                let _ = stop.run_until_cancelled(repeated).await;
            }),
        }
    }

    pub(super) async fn stop(self) {
        self.repeating.stop().await;
        self.sweeping.stop().await;
        self.hearing.stop().await;
    }
}

/// A database that was set back may have brought persons back, whom the start of a server would erase again.
async fn repeat_on_later_instances(standing: Standing, bus: CommandBus, store: CheckpointStore) {
    let mut epoch = standing.epoch();
    loop {
        standing.outlives(epoch).await;
        epoch = standing.epoch();
        while let Err(error) = erasure::repeat(&bus, &store).await {
            warn!(error = %Report::new(&error), "erasures are not repeated yet");
            if standing.epoch() != epoch {
                break;
            }
            sleep(PAUSE).await;
        }
    }
}
