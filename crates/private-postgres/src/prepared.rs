//! Everything that is needed to start the server, again and again.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tracing::info;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::config::PrivateServerConfig;
use crate::error::PrivateServerError;
use crate::folder::{DataFolder, socket_dir};
use crate::initialise::{initialise, version_of};
use crate::previous;
use crate::process::{Postmaster, server_command};
use crate::settings::{PORT, settings};
use crate::url::socket_url;

/// After a crash, recovery reads what was written since the last checkpoint: seconds, not minutes.
const READY_WITHIN: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const SAY_SO_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct PreparedServer {
    config: PrivateServerConfig,
    account: Account,
    binaries: Binaries,
    cluster: PathBuf,
    socket_dir: PathBuf,
    socket_host: String,
    folder: DataFolder,
}

impl PreparedServer {
    /// Locks the data folder and makes sure that it has a cluster.
    pub(crate) async fn prepare(config: PrivateServerConfig) -> Result<Self, PrivateServerError> {
        spawn_blocking(move || Self::prepare_blocking(config))
            .await
            .unwrap_or_else(|ended| Err(interrupted(ended)))
    }

    fn prepare_blocking(config: PrivateServerConfig) -> Result<Self, PrivateServerError> {
        let (folder, account) = DataFolder::open(&config.data_dir)?;
        let cluster = folder.cluster(&account)?;
        let version = version_of(&cluster)?;
        let binaries = Binaries::find(version, &cluster)?;
        if version.is_none() {
            info!(folder = %cluster.display(), "making a new PostgreSQL cluster");
            initialise(&cluster, &binaries, &account, config.durability)?;
        }
        let socket_dir = socket_dir(&cluster, &account)?;
        let socket_host =
            socket_dir
                .to_str()
                .map(str::to_owned)
                .ok_or_else(|| PrivateServerError::Io {
                    what: format!("put {} into a URL", socket_dir.display()),
                    source: io::ErrorKind::InvalidFilename.into(),
                })?;
        Ok(Self {
            config,
            account,
            binaries,
            cluster,
            socket_dir,
            socket_host,
            folder,
        })
    }

    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        socket_url(&self.socket_host, PORT, role, database)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.log_path()
    }

    /// Ends what was left behind, starts the server and waits until it accepts connections.
    pub(crate) async fn launch(&self) -> Result<Postmaster, PrivateServerError> {
        let (cluster, socket_dir) = (self.cluster.clone(), self.socket_dir.clone());
        spawn_blocking(move || previous::settle(&cluster, &socket_dir))
            .await
            .unwrap_or_else(|ended| Err(interrupted(ended)))?;
        let mut log = self.folder.open_log()?;
        let said_before = log.seek(SeekFrom::End(0)).unwrap_or(0);
        let command = server_command(
            &self.account,
            &self.binaries.program("postgres"),
            &self.cluster,
            &settings(&self.config, &self.socket_dir),
            log,
        )
        .map_err(PrivateServerError::io("open the log twice"))?;
        let postmaster = Postmaster::spawn(command)
            .await
            .map_err(PrivateServerError::io("start PostgreSQL"))?;
        self.wait_until_ready(&postmaster, said_before).await?;
        Ok(postmaster)
    }

    async fn wait_until_ready(
        &self,
        postmaster: &Postmaster,
        said_before: u64,
    ) -> Result<(), PrivateServerError> {
        let started_at = Instant::now();
        let mut said_so_at = started_at;
        while !previous::is_ready(&self.cluster, postmaster.pid()) {
            if postmaster.exit_status().is_some() {
                let log = self.folder.log_path();
                return Err(PrivateServerError::StoppedWhileStarting {
                    reason: reason(&log, said_before),
                    log,
                });
            }
            if started_at.elapsed() > READY_WITHIN {
                return Err(PrivateServerError::NotReady {
                    seconds: READY_WITHIN.as_secs(),
                    log: self.folder.log_path(),
                });
            }
            if said_so_at.elapsed() > SAY_SO_EVERY {
                said_so_at = Instant::now();
                info!("waiting for PostgreSQL, which recovers from a crash");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}

impl Drop for PreparedServer {
    /// The server has ended by now. A folder outside of the data folder that was made only for its socket
    /// is no longer needed; if it is not empty it stays.
    fn drop(&mut self) {
        if self.socket_dir.parent() != self.cluster.parent() {
            let _ = fs::remove_dir(&self.socket_dir);
        }
    }
}

/// The runtime is shutting down, or there is a bug.
fn interrupted(ended: tokio::task::JoinError) -> PrivateServerError {
    PrivateServerError::Io {
        what: "prepare PostgreSQL".to_owned(),
        source: io::Error::other(ended),
    }
}

/// The last thing that the server logged before it stopped.
fn reason(log: &Path, said_before: u64) -> String {
    let mut said = String::new();
    if let Ok(mut file) = fs::File::open(log)
        && file.seek(SeekFrom::Start(said_before)).is_ok()
    {
        // Use whatever could be read.
        let _ = file.read_to_string(&mut said);
    }
    let fatal = said.lines().rfind(|line| line.contains("FATAL:"));
    fatal
        .or(said.lines().last())
        .unwrap_or("it said nothing")
        .to_owned()
}
