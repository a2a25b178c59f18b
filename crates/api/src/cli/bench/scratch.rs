//! The database that a measurement writes to.

use std::io::ErrorKind;
use std::path::PathBuf;

use tracing::warn;

use crate::config::{DataConfig, DatabaseConfig};

/// Where no database is given, a private one apart from the shop's, removed again at the end.
pub(super) struct Scratch {
    pub(super) data: DataConfig,
    folder: Option<PathBuf>,
}

impl Scratch {
    pub(super) fn new(database: &DatabaseConfig, data: &DataConfig) -> Scratch {
        let mut data = data.clone();
        if database.server_url().is_some() {
            warn!("what is measured is appended to DATABASE_URL's log, for good");
            return Scratch { data, folder: None };
        }
        data.folder.push("bench");
        let folder = Some(data.folder.clone());
        Scratch { data, folder }
    }

    /// To be called once nothing runs there any more.
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
