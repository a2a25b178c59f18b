//! The server that a test run shares.

use std::env;

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::address::Address;
use super::guard::Guard;
use super::template::with_lock;
use crate::config::{Durability, PrivateServerConfig};
use crate::error::PrivateServerError;
use crate::roles;
use crate::server::{PrivateServer, StopMode};

/// The environment variable with a superuser's URL of the server to use. That server must trust its
/// clients. It can be any server whose roles `daybook` and `daybook_migrator` nobody else uses.
pub const TEST_POSTGRES: &str = "DAYBOOK_TEST_POSTGRES";

/// Enough for all tests that run at the same time, each with a pool for each of its roles.
const MAX_CONNECTIONS: u32 = 500;

#[derive(Debug)]
pub struct TestServer {
    address: Address,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    server: PrivateServer,
    guard: Guard,
    folder: TempDir,
}

impl TestServer {
    /// The server of this process, started (or found in [`TEST_POSTGRES`]) at the first call.
    pub async fn shared() -> Result<&'static Self, PrivateServerError> {
        static SHARED: OnceCell<TestServer> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| async {
                match env::var(TEST_POSTGRES) {
                    Ok(url) => Self::existing(&url).await,
                    Err(_) => Self::start().await,
                }
            })
            .await
    }

    /// Starts a server that is stopped by [`TestServer::finish`], or when this process ends.
    pub async fn start() -> Result<Self, PrivateServerError> {
        let folder = tempfile::Builder::new()
            .prefix("daybook-test-")
            .tempdir()
            .map_err(PrivateServerError::io("make a temporary folder"))?;
        let guard = Guard::watch(folder.path())
            .map_err(PrivateServerError::io("run a shell as a guard"))?;
        let config = PrivateServerConfig::new(folder.path())
            .durability(Durability::FastForTests)
            .max_connections(MAX_CONNECTIONS);
        let server = PrivateServer::start(config).await?;
        let address = Address::parse(&server.superuser_url())
            .map_err(PrivateServerError::database("read the server's own URL"))?;
        Ok(Self {
            address,
            running: Some(Running {
                server,
                guard,
                folder,
            }),
        })
    }

    async fn existing(url: &str) -> Result<Self, PrivateServerError> {
        let prepared = async {
            let address = Address::parse(url)?;
            let mut connection = PgConnection::connect(&address.maintenance_url()).await?;
            with_lock(&mut connection, async |connection| {
                roles::ensure_roles(connection).await
            })
            .await?;
            connection.close().await?;
            Ok(Self {
                address,
                running: None,
            })
        };
        prepared.await.map_err(PrivateServerError::database(format!(
            "use the server that {TEST_POSTGRES} names"
        )))
    }

    /// The superuser's URL of the maintenance database, in the form that [`TEST_POSTGRES`] takes.
    pub fn superuser_url(&self) -> String {
        self.address.maintenance_url()
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Stops the server if it is ours, and removes its folder.
    pub async fn finish(self) -> Result<(), PrivateServerError> {
        let Some(running) = self.running else {
            return Ok(());
        };
        running.server.stop(StopMode::Immediate).await;
        running
            .guard
            .finish()
            .map_err(PrivateServerError::io("wait for the guard"))?;
        // The guard has removed it.
        drop(running.folder.close());
        Ok(())
    }
}
