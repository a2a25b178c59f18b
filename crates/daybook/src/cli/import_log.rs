use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_log::transfer::{self, TransferError};
use sqlx::ConnectOptions;

use super::export::tell;
use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::progress::TerminalProgress;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// Import a log that `daybook export` wrote into a database whose log is empty.
///
/// Positions, ids, instants and texts stay as they are. Imports all of the file or nothing: a file that is cut off or
/// was changed leaves no trace. Connects as DATABASE_MIGRATION_URL, since a server's role can only append. The read
/// models follow automatically under `daybook serve`, which needs the original's master key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook import-log shop.ndjson --data copy
  zstd -dc shop.ndjson.zst | DATABASE_URL=postgres://shop@db/copy daybook import-log -")]
pub(crate) struct Arguments {
    /// The file to read, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let log = arguments.log.clone();
    runtime::run_quietly(&log, |stop| async move {
        // Reports a missing file before a database is created.
        let file = open(&arguments.file).map_err(TransferError::File)?;
        let database =
            Database::open(&arguments.database, &arguments.data, IfRunning::Join).await?;
        let imported = tokio::select! {
            imported = import(&database, file) => imported,
            () = stop.cancelled() => Err(TransferError::Stopped.into()),
        };
        database.close().await;
        imported
    })
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(match file == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::with_capacity(256 * 1024, File::open(file)?)),
    })
}

async fn import(database: &Database, file: impl BufRead) -> Result<(), Failure> {
    schema::ready(database).await?;
    let mut connection = database
        .migration
        .connect()
        .await
        .map_err(Failure::database("connecting as DATABASE_MIGRATION_URL"))?;
    let told = TerminalProgress::new();
    told.begin("importing", "events", 0);
    let transferred = transfer::import(&mut connection, file, |progress| {
        told.reach(progress.events.unsigned_abs(), progress.head.unsigned_abs());
    });
    let transferred = transferred.await?;
    told.end();
    eprintln!("Imported {}", tell(&transferred));
    Ok(())
}
