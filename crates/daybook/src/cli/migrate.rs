use clap::Args;

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// Bring the database's schema up to date and let the server's role use it.
///
/// Connects as DATABASE_MIGRATION_URL, applies the missing migrations, and makes the role of DATABASE_URL a member of
/// `daybook_server`. Safe to run at any time and from several places at once. `daybook serve` does the same at its
/// start if its role may.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  DATABASE_URL=postgres://shop@db/daybook \\
  DATABASE_MIGRATION_URL=postgres://owner@db/daybook daybook migrate")]
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
    runtime::run(&log, |_stop| async move {
        let database = Database::open(&database, &data, IfRunning::Join).await?;
        let migrated = schema::migrate(&database).await;
        database.close().await;
        migrated
    })
}
