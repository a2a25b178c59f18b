//! Daybook's command path: load or cache, decide, append.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use daybook_bench::append;
use daybook_commands::CommandBus;
use daybook_database::{MIGRATOR, grant_server_role};
use daybook_log::{Codec, Secrets};
use daybook_private_postgres::SERVER_ROLE;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::postgres::Postgres;

pub(crate) use daybook_bench::append::Spread;

/// So many that clients rarely order the same one at the same time.
pub(crate) const MANY_PRODUCTS: usize = 1_000;
/// As many as `daybook serve` gives the bus.
const BUS_CONNECTIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// Commands a second, each of which appends one event to one new stream.
pub(crate) async fn appends(
    postgres: &Postgres,
    clients: usize,
    duration: Duration,
    keyed: bool,
) -> anyhow::Result<f64> {
    with_new_log(postgres, async |bus| {
        let report = append::run(bus, clients, duration, keyed).await?;
        Ok(report.per_second)
    })
    .await
}

/// Single-unit orders a second.
pub(crate) async fn orders(
    postgres: &Postgres,
    clients: usize,
    duration: Duration,
    spread: Spread,
) -> anyhow::Result<f64> {
    with_new_log(postgres, async |bus| {
        let report = append::run_orders(bus, clients, duration, false, spread).await?;
        Ok(report.per_second)
    })
    .await
}

/// Measures on a bus whose log is empty.
pub(crate) async fn with_new_log(
    postgres: &Postgres,
    measure: impl AsyncFnOnce(&CommandBus) -> anyhow::Result<f64>,
) -> anyhow::Result<f64> {
    postgres.fresh_database().await?;
    migrate(postgres).await.context("could not migrate")?;
    let pool = PgPoolOptions::new()
        .max_connections(BUS_CONNECTIONS)
        .connect(&postgres.server_url())
        .await?;
    // No personal data is stored, so any key will do.
    let secrets = Arc::new(Secrets::from_master_key(&[7; 32]));
    let codec = Codec::new(pool.clone(), secrets);
    let (bus, tasks) = CommandBus::start(pool.clone(), codec);
    let measured = measure(&bus).await;
    tasks.close(PATIENCE).await?;
    pool.close().await;
    measured
}

async fn migrate(postgres: &Postgres) -> anyhow::Result<()> {
    let pool = PgPool::connect(&postgres.owner_url()).await?;
    MIGRATOR.run(&pool).await?;
    grant_server_role(&pool, SERVER_ROLE).await?;
    pool.close().await;
    Ok(())
}
