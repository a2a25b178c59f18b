//! The role `projector`: makes the read models from the log.

use daybook_projections::{ProjectorConfig, registry};

use super::background::Background;
use crate::site::core::Core;
use crate::site::database::Database;

pub(super) fn start(database: &Database, core: &Core) -> Background {
    // One connection for each projector. Those of the leases, one for each projector, leave the pool, and listening has
    // one of its own.
    let pool = database.worker_pool(registry().len() as u32);
    let feed = core.feed.clone();
    Background::start("projectors", |stop| {
        daybook_projections::run(feed, pool, ProjectorConfig::default(), stop)
    })
}
