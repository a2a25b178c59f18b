//! What every role and most commands need: the log, and the bus that appends to it.

use std::sync::Arc;
use std::time::Duration;

use daybook_commands::{BusTasks, CommandBus};
use daybook_keys::MasterKey;
use daybook_log::{Codec, Feed, Secrets};

use tokio_util::sync::CancellationToken;

use super::database::Database;
use crate::failure::Failure;

/// Loading aggregates is batched, so few connections are enough beside the writer's own.
const BUS_CONNECTIONS: u32 = 8;
/// How long an unreachable database may delay the end of the process.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Core {
    pub(crate) bus: CommandBus,
    pub(crate) feed: Feed,
    bus_tasks: BusTasks,
}

impl Core {
    /// Refuses a database that was created with another master key.
    pub(crate) async fn start(
        database: &Database,
        master_key: &MasterKey,
    ) -> Result<Core, Failure> {
        let secrets = Secrets::open(&database.pool, master_key.expose()).await??;
        let codec = Codec::new(database.pool.clone(), Arc::new(secrets));
        let feed = Feed::new(database.pool.clone(), codec.clone());
        let (bus, bus_tasks) = CommandBus::start_with(
            database.worker_pool(BUS_CONNECTIONS),
            codec,
            database.standing.clone(),
        );
        Ok(Core {
            bus,
            feed,
            bus_tasks,
        })
    }

    /// Cancelled when commands can no longer be executed.
    pub(crate) fn broken(&self) -> CancellationToken {
        self.bus_tasks.broken()
    }

    /// Commits the accepted commands. Tells of a fault by which they could not be executed any more.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        Ok(self.bus_tasks.close(PATIENCE).await?)
    }
}
