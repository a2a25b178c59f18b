//! A shop whose database can be set back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig, StopMode};
use serde_json::Value;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use crate::evidence::{eventually, head};
use crate::process::{self, Server};
use crate::site::{Visitor, serve};

/// A shop on a PostgreSQL of its own, whose folder can be copied and put back.
pub struct Shop {
    pub folder: TempDir,
    pub postgres: Option<PrivateServer>,
    pub server_url: String,
    pub migration_url: String,
}

impl Shop {
    pub async fn new() -> Shop {
        let folder = process::folder();
        let postgres = start(folder.path(), &[]).await;
        Shop {
            server_url: postgres.server_url(),
            migration_url: postgres.migration_url(),
            postgres: Some(postgres),
            folder,
        }
    }

    pub async fn open(&self, roles: &[&str]) -> Server {
        let mut command = self.command(&["serve"]);
        for role in roles {
            command.args(["--role", role]);
        }
        Server::start_command(&mut command).await
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        match arguments {
            ["serve", ..] => serve(
                self.folder.path(),
                &self.server_url,
                &self.migration_url,
                "127.0.0.1:0",
            ),
            _ => {
                let mut command = process::daybook(self.folder.path());
                command
                    .args(arguments)
                    .env("DATABASE_URL", &self.server_url)
                    .env("DATABASE_MIGRATION_URL", &self.migration_url);
                command
            }
        }
    }

    pub fn cluster(&self) -> PathBuf {
        self.folder.path().join("postgres/cluster")
    }

    pub fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    pub async fn pool(&self) -> PgPool {
        let postgres = self.postgres.as_ref().unwrap();
        PgPool::connect(&postgres.url("daybook")).await.unwrap()
    }

    /// Stops PostgreSQL, does something to its folder, and starts it again with these settings.
    pub async fn offline(&mut self, settings: &[(&str, &str)], act: impl AsyncFnOnce(&Shop)) {
        self.postgres.take().unwrap().stop(StopMode::Fast).await;
        act(self).await;
        self.postgres = Some(start(self.folder.path(), settings).await);
    }

    pub async fn keep_a_copy(&mut self) {
        let copy = async |shop: &Shop| copy(&shop.cluster(), &shop.copy()).await;
        self.offline(&[], copy).await;
    }

    pub async fn put_the_copy_back(&mut self) {
        let put_back = async |shop: &Shop| {
            fs::remove_dir_all(shop.cluster()).unwrap();
            copy(&shop.copy(), &shop.cluster()).await;
        };
        self.offline(&[], put_back).await;
    }

    /// How many events the newest exported checkpoint covers.
    pub fn exported(&self) -> i64 {
        let latest = self.folder.path().join("data/checkpoints/latest");
        let note = fs::read_to_string(latest).unwrap_or_default();
        let size = note.lines().nth(1).and_then(|size| size.parse().ok());
        size.unwrap_or(0)
    }

    pub async fn everything_is_exported(&self) {
        let pool = self.pool().await;
        eventually("everything is exported", async || {
            self.exported() == head(&pool).await
        })
        .await;
    }
}

async fn start(folder: &Path, settings: &[(&str, &str)]) -> PrivateServer {
    let config =
        PrivateServerConfig::new(folder.join("postgres")).durability(Durability::FastForTests);
    let config = settings.iter().fold(config, |config, (name, value)| {
        config.setting(*name, *value)
    });
    PrivateServer::start(config).await.unwrap()
}

/// With the owner that PostgreSQL wants.
async fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().await;
    assert!(status.unwrap().success());
}

/// Sends an order until it is answered otherwise than with 503.
pub async fn insist(visitor: &Visitor, product: &str, quantity: u32, key: &str) -> (u16, Value) {
    loop {
        let order = visitor
            .order(product, quantity)
            .header("idempotency-key", key);
        if let Ok(answer) = order.send().await
            && answer.status() != 503
        {
            let status = answer.status().as_u16();
            return (status, answer.json().await.unwrap());
        }
        sleep(Duration::from_millis(20)).await;
    }
}
