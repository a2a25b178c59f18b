//! Erasing persons, which every server does whatever its roles are.

use daybook_accounts::erasure::{Erasures, Sweeper};
use daybook_audit::store::CheckpointStore;

use super::background::Background;
use crate::site::database::Database;

pub(super) struct Forgetting {
    hearing: Background,
    sweeping: Background,
}

impl Forgetting {
    pub(super) fn start(
        database: &Database,
        erasures: &Erasures,
        store: CheckpointStore,
    ) -> Forgetting {
        // One connection to listen, one to query and one to sweep.
        let pool = database.worker_pool(3);
        let sweeper = Sweeper::new(pool.clone(), store);
        let (hearer, woken) = (erasures.clone(), erasures.clone());
        Forgetting {
            hearing: Background::start("erasures", |stop| async move {
                hearer.run(pool, stop).await;
            }),
            sweeping: Background::start("sweeper", |stop| sweeper.run(woken, stop)),
        }
    }

    pub(super) async fn stop(self) {
        self.sweeping.stop().await;
        self.hearing.stop().await;
    }
}
