use chrono::Utc;
use clap::Args;
use daybook_keys::MasterKey;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::seed;
use crate::site::core::Core;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// Fill a database with the demo shop; existing data stays as it is.
///
/// Sixty products in eight categories, six customers and fifty orders in every status, all sent as commands like any
/// other. A second run does nothing; a run after an interruption does the rest.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  DATABASE_URL=postgres://shop@db/daybook daybook seed")]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        database,
        data,
        log,
    } = arguments;
    runtime::run(&log, |stop| async move {
        let master_key = MasterKey::obtain(&data.folder, data.master_key())?;
        let database = Database::open(&database, &data, IfRunning::Join).await?;
        let seeded = fill(&database, &master_key, stop).await;
        database.close().await;
        seeded
    })
}

async fn fill(
    database: &Database,
    master_key: &MasterKey,
    stop: CancellationToken,
) -> Result<(), Failure> {
    schema::ready(database).await?;
    let core = Core::start(database, master_key).await?;
    let password = master_key.demo_password("customers");
    let seeding = seed::run(&core.bus, &database.pool, &password, Utc::now());
    let seeded = tokio::select! {
        seeded = seeding => seeded,
        () = stop.cancelled() => Err(Failure::Interrupted),
    };
    let stopped = core.stop().await;
    let seeded = stopped.and(seeded)?;
    let customers = seed::customers(&database.pool).await?;
    if seeded.nothing() {
        println!("The demo shop is there already.");
    } else {
        println!(
            "Made {} categories, {} products, {} customers and {} orders.",
            seeded.categories, seeded.products, seeded.customers, seeded.orders
        );
    }
    for email in customers {
        println!(
            "  Customer  {email}  password: {}",
            password.expose_secret()
        );
    }
    Ok(())
}
