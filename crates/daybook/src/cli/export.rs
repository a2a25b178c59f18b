use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_log::transfer::{self, TransferError, Transferred};
use sqlx::ConnectOptions;

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::progress::TerminalProgress;
use crate::site::database::{Database, IfRunning};

/// Write the whole log to a file that `daybook import-log` reads elsewhere.
///
/// The file has the events with their positions, claims, answers to idempotency keys, and the keys of personal data.
/// These stay wrapped by the master key: the file is useful only together with that. Passwords and usage events are not
/// part of the log. Can be run beside a server; connects as DATABASE_MIGRATION_URL. Two logs are the same if their
/// exports have the same SHA-256.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook export shop.ndjson
  daybook export - | zstd > shop.ndjson.zst")]
pub(crate) struct Arguments {
    /// The file to write, or - for stdout
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
        Database::must_exist(&arguments.database, &arguments.data)?;
        let database =
            Database::open(&arguments.database, &arguments.data, IfRunning::Join).await?;
        let exported = tokio::select! {
            exported = export(&database, &arguments.file) => exported,
            () = stop.cancelled() => Err(TransferError::Stopped.into()),
        };
        database.close().await;
        exported
    })
}

async fn export(database: &Database, file: &Path) -> Result<(), Failure> {
    let written = match file == Path::new("-") {
        true => write_to_reader(database, io::stdout()).await?,
        // A pipe or a device is written to, not replaced by a file.
        false if fs::metadata(file).is_ok_and(|found| !found.is_file()) => {
            let open = OpenOptions::new().write(true).open(file);
            write_to_reader(database, open.map_err(TransferError::File)?).await?
        }
        false => {
            // Follows a link, and gives the file its name only once it is complete.
            let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
            let mut partial = file.as_os_str().to_owned();
            partial.push(".partial");
            let partial = Partial(PathBuf::from(partial));
            let open = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial.0)
                .map_err(TransferError::File)?;
            let transferred = write(database, &open).await?;
            open.sync_all()
                .and_then(|()| fs::rename(&partial.0, &file))
                .map_err(TransferError::File)?;
            Some(transferred)
        }
    };
    if let Some(transferred) = written {
        eprintln!("Exported {}", tell(&transferred));
    }
    Ok(())
}

/// `None` if the reader has closed the pipe (`| head`).
async fn write_to_reader(
    database: &Database,
    file: impl Write,
) -> Result<Option<Transferred>, Failure> {
    match write(database, file).await {
        Ok(transferred) => Ok(Some(transferred)),
        Err(Failure::Transfer(TransferError::File(error)))
            if error.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

async fn write(database: &Database, file: impl Write) -> Result<Transferred, Failure> {
    let mut connection = database
        .migration
        .connect()
        .await
        .map_err(Failure::database("connecting as DATABASE_MIGRATION_URL"))?;
    let told = TerminalProgress::new();
    told.begin("exporting", "events", 0);
    let transferred = transfer::export(&mut connection, BufWriter::new(file), |progress| {
        told.reach(progress.events.unsigned_abs(), progress.head.unsigned_abs());
    });
    let transferred = transferred.await;
    told.end();
    transferred.map_err(Failure::from)
}

/// A file that is not complete yet; removed if it is never completed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After it was renamed it is no longer there.
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) fn tell(transferred: &Transferred) -> String {
    format!(
        "{} events, {} claims, {} answers to idempotency keys and {} persons' keys.\nSHA-256 {}",
        transferred.events,
        transferred.claims,
        transferred.idempotency_records,
        transferred.person_keys,
        transferred.sha256,
    )
}
