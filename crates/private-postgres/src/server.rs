//! Starting and stopping the server.

use std::path::PathBuf;
use std::process::ExitStatus;

use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use tracing::info;

use crate::config::PrivateServerConfig;
use crate::error::PrivateServerError;
use crate::prepared::PreparedServer;
use crate::process::Postmaster;
use crate::roles::{
    self, DATABASE, MAINTENANCE_DATABASE, MIGRATION_ROLE, Origin, SERVER_ROLE, SUPERUSER,
};

/// How to stop a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Ends every session and writes a checkpoint: the next start has nothing to recover.
    Fast,
    /// Like pulling the plug: the next start recovers from the write-ahead log.
    Immediate,
}

impl StopMode {
    fn signal(self) -> Signal {
        match self {
            Self::Fast => Signal::INT,
            Self::Immediate => Signal::QUIT,
        }
    }
}

/// A server that runs until it is stopped or dropped; dropping blocks until it has stopped (fast).
#[derive(Debug)]
pub struct PrivateServer {
    // Dropped in this order: the server ends before the folder is unlocked.
    postmaster: Postmaster,
    prepared: PreparedServer,
}

impl PrivateServer {
    /// Creates the data folder if it is missing, ends what a killed owner left behind, starts the server,
    /// waits until it accepts connections, and ensures that the roles and the database `daybook` exist.
    ///
    /// # Errors
    /// Each says what to do about it: see [`PrivateServerError::remedy`].
    pub async fn start(config: PrivateServerConfig) -> Result<Self, PrivateServerError> {
        let prepared = PreparedServer::prepare(config).await?;
        let postmaster = prepared.launch().await?;
        let server = Self {
            postmaster,
            prepared,
        };
        server
            .ensure_database()
            .await
            .map_err(PrivateServerError::database("set up the database"))?;
        info!(
            pid = server.pid(),
            folder = %server.prepared.data_dir().display(),
            "started a private PostgreSQL"
        );
        Ok(server)
    }

    /// Starts the server again on the same folder, under the same URLs; stops it (fast) first if it still
    /// runs.
    pub async fn restart(&mut self) -> Result<(), PrivateServerError> {
        self.postmaster.stop(Signal::INT).await;
        self.postmaster = self.prepared.launch().await?;
        Ok(())
    }

    /// Waits until the server's process has ended, for whatever reason; `None` if the system could not
    /// tell how.
    pub async fn exited(&self) -> Option<ExitStatus> {
        self.postmaster.exited().await
    }

    /// Ends the server and waits for that.
    pub async fn stop(self, mode: StopMode) {
        self.postmaster.stop(mode.signal()).await;
    }

    /// The id of the server's main process.
    pub fn pid(&self) -> i32 {
        self.postmaster.pid().as_raw_pid()
    }

    /// Where the server logs to.
    pub fn log_path(&self) -> PathBuf {
        self.prepared.log_path()
    }

    /// The restricted role `daybook` in the database `daybook`.
    pub fn server_url(&self) -> String {
        self.prepared.url(SERVER_ROLE, DATABASE)
    }

    /// The role `daybook_migrator` in the database `daybook`, which it owns.
    pub fn migration_url(&self) -> String {
        self.prepared.url(MIGRATION_ROLE, DATABASE)
    }

    /// The superuser in the maintenance database.
    pub fn superuser_url(&self) -> String {
        self.prepared.url(SUPERUSER, MAINTENANCE_DATABASE)
    }

    /// The superuser in that database.
    pub fn url(&self, database: &str) -> String {
        self.prepared.url(SUPERUSER, database)
    }

    /// Any role in any database.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        self.prepared.url(role, database)
    }

    /// Creates a database that `daybook_migrator` owns and `daybook` may connect to, as a copy of the
    /// template if one is named. Nobody may be connected to the template meanwhile.
    pub async fn create_database(
        &self,
        name: &str,
        template: Option<&str>,
    ) -> Result<(), PrivateServerError> {
        let url = self.url(name);
        let origin = match template {
            Some(template) => Origin::Template(template),
            None => Origin::Scratch { url: &url },
        };
        let created = async {
            let mut connection = PgConnection::connect(&self.superuser_url()).await?;
            roles::create_database(&mut connection, name, origin).await?;
            connection.close().await
        };
        created.await.map_err(PrivateServerError::database(format!(
            "create the database {name}"
        )))
    }

    async fn ensure_database(&self) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&self.superuser_url()).await?;
        roles::ensure_roles(&mut connection).await?;
        if !roles::database_exists(&mut connection, DATABASE).await? {
            let url = self.url(DATABASE);
            roles::create_database(&mut connection, DATABASE, Origin::Scratch { url: &url })
                .await?;
        }
        connection.close().await
    }
}
