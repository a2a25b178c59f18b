//! The database and data folder that a command works on, and who runs the command.

use std::sync::Arc;

use clap::Args;
use daybook_keys::MasterKey;
use daybook_log::{Codec, Feed, Secrets};
use daybook_projections::operate::Operator;
use daybook_projections::{ProgressTracker, ReadModels};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// Arguments of a command that works on an existing database, also beside a running `daybook serve` and its private
/// PostgreSQL.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseArguments {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

impl DatabaseArguments {
    /// Runs `work` on the existing database.
    pub(crate) fn run<F>(
        &self,
        work: impl FnOnce(OpenShop, CancellationToken) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        runtime::run_quietly(&self.log, |stop| async move {
            Database::must_exist(&self.database, &self.data)?;
            let database =
                Arc::new(Database::open(&self.database, &self.data, IfRunning::Join).await?);
            let shop = OpenShop {
                database: Arc::clone(&database),
                data: self.data.clone(),
            };
            let done = async {
                schema::must_be_current(&database).await?;
                work(shop, stop).await
            };
            let done = done.await;
            if let Some(database) = Arc::into_inner(database) {
                database.close().await;
            }
            done
        })
    }

    /// Prints the result, as JSON or in words.
    pub(crate) fn tell(
        &self,
        json: &impl Serialize,
        words: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string_pretty(json).map_err(Failure::json)?;
            println!("{text}");
        } else {
            print!("{}", words());
        }
        Ok(())
    }
}

/// An open database, and where the files beside it are.
pub(crate) struct OpenShop {
    pub(crate) database: Arc<Database>,
    pub(crate) data: DataConfig,
}

impl OpenShop {
    /// A feed for reading positions only, which are not secret. It does not need a master key, and so does not create
    /// one.
    pub(crate) fn blind_feed(&self) -> Feed {
        let secrets = Secrets::from_master_key(&[0; 32]);
        let pool = self.database.pool.clone();
        Feed::new(pool.clone(), Codec::new(pool, secrets.into()))
    }

    /// A feed that decrypts personal data, for commands that only read: if there is no master key, none is created.
    pub(crate) async fn looking_feed(&self) -> Result<Feed, Failure> {
        self.feed_with(MasterKey::existing(
            &self.data.folder,
            self.data.master_key(),
        )?)
        .await
    }

    /// Queries on the read models, whether a projector is running or not.
    pub(crate) fn read_models(&self) -> ReadModels {
        ReadModels::new(self.database.worker_pool(2), ProgressTracker::new())
    }

    /// A feed that decrypts personal data. If there is no master key, it is created.
    pub(crate) async fn feed(&self) -> Result<Feed, Failure> {
        self.feed_with(MasterKey::obtain(
            &self.data.folder,
            self.data.master_key(),
        )?)
        .await
    }

    async fn feed_with(&self, master_key: MasterKey) -> Result<Feed, Failure> {
        // Not the pool of the queries: reading a section of the log may take longer than their time limit.
        let pool = self.database.worker_pool(2);
        let secrets = Secrets::open(&pool, master_key.expose()).await??;
        Ok(Feed::new(pool.clone(), Codec::new(pool, secrets.into())))
    }
}

/// The user of this system who runs the command.
pub(crate) fn operator() -> Operator {
    let user = whoami::fallible::username();
    Operator::of_system(user.as_deref().unwrap_or("unknown"))
}
