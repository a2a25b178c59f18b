//! One PostgreSQL for all, with room for 512 pgbench clients.

use anyhow::Result;
use daybook_log::MIGRATOR;
use daybook_private_postgres::{
    Durability, PrivateServer, SERVER_ROLE, ServerConfig, grant_server_role,
};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

const MAX_CONNECTIONS: u32 = 600;

pub(crate) struct Server {
    postgres: PrivateServer,
    // Removed when the server is.
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Result<Server> {
        let folder = tempfile::Builder::new()
            .prefix("daybook-bench-")
            .tempdir()?;
        let config = ServerConfig::new(folder.path())
            .durability(Durability::Durable)
            .max_connections(MAX_CONNECTIONS);
        Ok(Server {
            postgres: PrivateServer::start(config).await?,
            _folder: folder,
        })
    }

    /// The superuser's URL of a new, empty database.
    pub(crate) async fn fresh(&self, prefix: &str) -> Result<String> {
        let name = format!("{prefix}_{}", Uuid::now_v7().simple());
        self.postgres.create_database(&name, None).await?;
        self.settle().await?;
        Ok(self.postgres.url(&name))
    }

    /// The server role's URL of a new database with Daybook's schema.
    pub(crate) async fn shop(&self) -> Result<String> {
        let name = format!("daybook_{}", Uuid::now_v7().simple());
        self.postgres.create_database(&name, None).await?;
        let pool = PgPool::connect(&self.postgres.url_as("daybook_migrator", &name)).await?;
        MIGRATOR.run(&pool).await?;
        grant_server_role(&pool, SERVER_ROLE).await?;
        pool.close().await;
        self.settle().await?;
        Ok(self.postgres.url_as(SERVER_ROLE, &name))
    }

    /// Leaves nobody the other's checkpoint to pay for.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut superuser = PgConnection::connect(&self.postgres.superuser_url()).await?;
        superuser.execute("checkpoint").await?;
        superuser.close().await?;
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.postgres
            .stop(daybook_private_postgres::StopMode::Fast)
            .await;
    }
}
