//! A database for one test.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};

use super::address::Address;
use super::dropping::drop_soon;
use super::server::TestServer;
use super::template::ensure_template;
use crate::error::PrivateServerError;
use crate::roles::{self, MIGRATION_ROLE, Origin, SERVER_ROLE};

/// A pool opens its connections as they are needed; few tests need more than two.
const CONNECTIONS_PER_POOL: u32 = 16;

/// A separate database on the shared server, dropped some time after this value is.
#[derive(Debug)]
pub struct TestDatabase {
    address: Address,
    name: String,
}

impl TestDatabase {
    /// A new database with these migrations applied by the role `daybook_migrator`, and with the role
    /// `daybook` in the group to which they grant rights.
    pub async fn create(migrator: &Migrator) -> Result<Self, PrivateServerError> {
        Self::make(Some(migrator)).await
    }

    /// A new empty database: for tests of the migrations.
    pub async fn empty() -> Result<Self, PrivateServerError> {
        Self::make(None).await
    }

    async fn make(migrator: Option<&Migrator>) -> Result<Self, PrivateServerError> {
        let address = TestServer::shared().await?.address().clone();
        let name = fresh_name();
        let made = async {
            let mut maintenance = PgConnection::connect(&address.maintenance_url()).await?;
            let url = address.superuser_url(&name);
            let template = match migrator {
                Some(migrator) => {
                    Some(ensure_template(&mut maintenance, &address, migrator).await?)
                }
                None => None,
            };
            let origin = match &template {
                Some(template) => Origin::Template(template),
                None => Origin::Scratch { url: &url },
            };
            roles::create_database(&mut maintenance, &name, origin).await?;
            maintenance.close().await
        };
        made.await.map_err(PrivateServerError::database(format!(
            "make the test database {name}"
        )))?;
        Ok(Self { address, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The restricted role that the server uses.
    pub fn server_url(&self) -> String {
        self.address.url(SERVER_ROLE, &self.name)
    }

    /// The role that owns the database and migrates it.
    pub fn migration_url(&self) -> String {
        self.address.url(MIGRATION_ROLE, &self.name)
    }

    /// The superuser in this database.
    pub fn superuser_url(&self) -> String {
        self.address.superuser_url(&self.name)
    }

    /// A pool of [`Self::server_url`]; connects when it is first used.
    ///
    /// # Panics
    /// Outside of a Tokio runtime, like every pool.
    pub fn server_pool(&self) -> Result<PgPool, PrivateServerError> {
        pool(&self.server_url())
    }

    /// A pool of [`Self::migration_url`].
    pub fn migration_pool(&self) -> Result<PgPool, PrivateServerError> {
        pool(&self.migration_url())
    }

    /// A pool of [`Self::superuser_url`].
    pub fn superuser_pool(&self) -> Result<PgPool, PrivateServerError> {
        pool(&self.superuser_url())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        drop_soon(self.address.clone(), std::mem::take(&mut self.name));
    }
}

fn pool(url: &str) -> Result<PgPool, PrivateServerError> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_PER_POOL)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy(url)
        .map_err(PrivateServerError::database("make a pool"))
}

/// A name that is unique on a server that several processes use at the same time and one after another.
fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!(
        "daybook_test_{:x}_{}_{count}",
        now.as_millis(),
        process::id()
    )
}
