//! The database that a measurement writes to.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use daybook_keys::MasterKey;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::print_json;
use crate::cli::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::site::core::Core;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// The arguments of every measurement: on which database it runs, and how its result is printed.
#[derive(Args, Debug)]
pub(super) struct Measurement {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

impl Measurement {
    /// Runs `measure`, and then prints its result: as JSON, or in words.
    pub(super) fn run<R: Serialize>(
        &self,
        measure: impl AsyncFnOnce(ScratchBench<'_>) -> Result<R, Failure>,
        print: impl FnOnce(&R),
    ) -> Result<(), Failure> {
        runtime::run_quietly(&self.log, |stop| async move {
            let report = on_scratch(&self.database, &self.data, stop, measure).await?;
            if self.json {
                return print_json(&report);
            }
            print(&report);
            Ok(())
        })
    }

    /// The database that was given, if any.
    pub(super) fn database_url(&self) -> Option<&str> {
        self.database.server_url()
    }
}

/// If no database is given: a private one, separate from the shop's and removed at the end.
pub(super) struct Scratch {
    pub(super) data: DataConfig,
    folder: Option<PathBuf>,
}

/// The parts of this process that are measured, and the folder for its files.
pub(super) struct ScratchBench<'a> {
    pub(super) database: &'a Database,
    pub(super) core: &'a Core,
    pub(super) folder: &'a Path,
    pub(super) data: &'a DataConfig,
}

/// Runs a measurement on the given database, or on a scratch one.
pub(super) async fn on_scratch<T>(
    database: &DatabaseConfig,
    data: &DataConfig,
    stop: CancellationToken,
    measure: impl AsyncFnOnce(ScratchBench<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let scratch = Scratch::new(database, data);
    let measured = in_database(database, &scratch.data, stop, measure).await;
    scratch.remove();
    measured
}

async fn in_database<T>(
    database: &DatabaseConfig,
    data: &DataConfig,
    stop: CancellationToken,
    measure: impl AsyncFnOnce(ScratchBench<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let master_key = MasterKey::obtain(&data.folder, data.master_key())?;
    let database = Database::open(database, data, IfRunning::Refuse).await?;
    let measured = async {
        schema::ready(&database).await?;
        let core = Core::start(&database, &master_key).await?;
        let bench = ScratchBench {
            database: &database,
            core: &core,
            folder: &data.folder,
            data,
        };
        let measured = tokio::select! {
            measured = measure(bench) => measured,
            () = stop.cancelled() => Err(Failure::Interrupted),
        };
        core.stop().await.and(measured)
    };
    let measured = measured.await;
    database.close().await;
    measured
}

impl Scratch {
    pub(super) fn new(database: &DatabaseConfig, data: &DataConfig) -> Scratch {
        let mut data = data.clone();
        if database.server_url().is_some() {
            warn!("what is measured is appended to DATABASE_URL's log, for good");
            return Scratch { data, folder: None };
        }
        data.folder.push("bench");
        // Checkpoints of invented events must not replace those of the shop's log.
        data.checkpoint_store = None;
        let folder = Some(data.folder.clone());
        Scratch { data, folder }
    }

    /// Call it once nothing runs there any more.
    pub(super) fn remove(self) {
        let Some(folder) = self.folder else { return };
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                warn!(%error, folder = %folder.display(), "could not remove the measurement's folder");
            }
        }
    }
}
