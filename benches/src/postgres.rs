//! The private PostgreSQL that all contenders write to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use daybook_private_postgres::{
    Durability, MIGRATION_ROLE, PrivateServer, PrivateServerConfig, SERVER_ROLE, StopMode,
};
use sqlx::{Connection, Executor, PgConnection};

/// Enough for the 512 connections of pgbench, and some to spare.
const MAX_CONNECTIONS: u32 = 600;
/// The database of each contender, created anew for each.
const DATABASE: &str = "bench";
/// The settings that the figures depend on.
const SETTINGS: [&str; 6] = [
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "shared_buffers",
    "max_wal_size",
];

pub(crate) struct Postgres {
    server: PrivateServer,
    folder: PathBuf,
}

impl Postgres {
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Postgres> {
        let folder = folder.join("postgres");
        let config = PrivateServerConfig::new(&folder)
            .durability(Durability::Durable)
            .max_connections(MAX_CONNECTIONS);
        let server = PrivateServer::start(config).await?;
        Ok(Postgres { server, folder })
    }

    /// Creates the database anew. Whatever was written before is flushed first, so that it does not slow down the next
    /// contender.
    pub(crate) async fn fresh_database(&self) -> anyhow::Result<()> {
        let mut superuser = self.superuser().await?;
        superuser
            .execute(format!("drop database if exists {DATABASE} with (force)").as_str())
            .await?;
        self.server.create_database(DATABASE, None).await?;
        superuser.execute("checkpoint").await?;
        superuser.close().await?;
        Ok(())
    }

    /// The database as the role that owns it.
    pub(crate) fn owner_url(&self) -> String {
        self.server.url_as(MIGRATION_ROLE, DATABASE)
    }

    /// The database as the role that a Daybook server has.
    pub(crate) fn server_url(&self) -> String {
        self.server.url_as(SERVER_ROLE, DATABASE)
    }

    /// The path of a program of the same installation as the running server.
    pub(crate) async fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let mut superuser = self.superuser().await?;
        let folder: String =
            sqlx::query_scalar("select setting from pg_config where name = 'BINDIR'")
                .fetch_one(&mut superuser)
                .await?;
        superuser.close().await?;
        let program = Path::new(&folder).join(name);
        anyhow::ensure!(
            program.is_file(),
            "{} is missing: install the package of PostgreSQL that it comes with",
            program.display()
        );
        Ok(program)
    }

    /// The settings that the figures depend on, as the server has them.
    pub(crate) async fn settings(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut superuser = self.superuser().await?;
        let settings = sqlx::query_as(
            "select name, current_setting(name) from unnest($1::text[]) with ordinality as s (name, n) order by n",
        )
        .bind(&SETTINGS[..])
        .fetch_all(&mut superuser)
        .await?;
        superuser.close().await?;
        Ok(settings)
    }

    /// Stops the server and removes its folder.
    pub(crate) async fn remove(self) {
        self.server.stop(StopMode::Fast).await;
        // If we run as root, the cluster may be in another folder.
        let elsewhere = fs::read_link(self.folder.join("cluster")).ok();
        let folders = elsewhere.as_deref().and_then(Path::parent).into_iter();
        for folder in folders.chain([self.folder.as_path()]) {
            if let Err(error) = fs::remove_dir_all(folder) {
                eprintln!("could not remove {}: {error}", folder.display());
            }
        }
    }

    async fn superuser(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect(&self.server.superuser_url())
            .await
            .context("could not connect to the private PostgreSQL")
    }
}
