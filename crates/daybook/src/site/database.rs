//! The database that a command works on: the one at DATABASE_URL, or a private one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use daybook_database::{Standing, begin_session};
use daybook_private_postgres::{PrivateServer, PrivateServerConfig, PrivateServerError};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor as _};
use tokio::fs;
use tokio::time::timeout;
use tracing::log::LevelFilter;

use super::connect;
use crate::config::{DataConfig, DatabaseConfig};
use crate::failure::Failure;
use crate::site::supervisor::Supervisor;

/// Longer than any request may take, so that no statement continues for a caller who is gone.
const STATEMENT_TIMEOUT: &str = "set statement_timeout = '15s'";
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection for queries that was idle for longer is tested before it is used: the server may have gone meanwhile.
/// Testing every one each time would double the round trips of a query.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// One that takes longer to answer has fallen silent: it is closed and another one opened.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// An open database. Close it with [`Database::close`], so that a private server is shut down properly.
///
/// Every session of its pools begins with the same settings ([`daybook_database::begin_session`]) and is let in by the
/// standing.
pub(crate) struct Database {
    /// Connects as the server's role; for queries.
    pub(crate) pool: PgPool,
    pub(crate) server: PgConnectOptions,
    pub(crate) migration: PgConnectOptions,
    pub(crate) standing: Standing,
    private: Option<Supervisor>,
}

/// What to do if another process of this user runs the private server in the data folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfRunning {
    /// Use it too: for commands that read or add, beside `daybook serve`.
    Join,
    Refuse,
}

/// Why there is no database to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("there is no shop in {}", folder.display())]
    NoShop { folder: PathBuf },
    #[error("PostgreSQL at {place} cannot be reached")]
    Unreachable { place: String, source: sqlx::Error },
    #[error("PostgreSQL at {place} lets nobody in by that name and password")]
    Refused { place: String, source: sqlx::Error },
    #[error(
        "PostgreSQL at {place} is reached through a pooler that gives each transaction another session"
    )]
    Pooled { place: String },
    #[error(transparent)]
    Private(#[from] PrivateServerError),
}

impl OpenError {
    pub(crate) fn remedy(&self) -> Cow<'static, str> {
        let remedy = match self {
            OpenError::NoShop { .. } => {
                "name its data folder with --data or its database with DATABASE_URL; `daybook serve` makes a new one"
            }
            OpenError::Unreachable { .. } => {
                "start it, mend DATABASE_URL, or unset DATABASE_URL to use a private server"
            }
            OpenError::Refused { .. } => {
                "mend the user, password or database in DATABASE_URL and DATABASE_MIGRATION_URL"
            }
            OpenError::Pooled { .. } => {
                "set pool_mode = session for this database, or name PostgreSQL itself in DATABASE_URL"
            }
            OpenError::Private(error) => return error.remedy(),
        };
        Cow::Borrowed(remedy)
    }
}

impl Database {
    pub(crate) async fn open(
        config: &DatabaseConfig,
        data: &DataConfig,
        if_running: IfRunning,
    ) -> Result<Database, Failure> {
        let (server_url, migration_url, private) =
            match (config.server_url(), config.migration_url()) {
                (Some(server), Some(migration)) => (server.to_owned(), migration.to_owned(), None),
                _ => private_server(&data.folder, if_running).await?,
            };
        let opened = async {
            let server = parse(&server_url, "DATABASE_URL")?;
            let migration = parse(&migration_url, "DATABASE_MIGRATION_URL")?;
            connect::wait_for(&server).await?;
            if private.is_none() {
                connect::must_keep_sessions(&server).await?;
            }
            Ok((server, migration))
        };
        match opened.await {
            Ok((server, migration)) => {
                let standing = Standing::default();
                let pool = pool_options(&standing, Some(STATEMENT_TIMEOUT), TRUSTED_FOR)
                    .max_connections(config.db_connections)
                    .connect_lazy_with(server.clone());
                Ok(Database {
                    pool,
                    server,
                    migration,
                    standing,
                    private,
                })
            }
            Err(failure) => {
                if let Some(private) = private {
                    private.stop().await;
                }
                Err(failure)
            }
        }
    }

    /// For commands that only look: they must not make a shop where a folder's name was mistyped.
    pub(crate) fn must_exist(config: &DatabaseConfig, data: &DataConfig) -> Result<(), OpenError> {
        match config.server_url() {
            None if !data.folder.exists() => Err(OpenError::NoShop {
                folder: data.folder.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Gives the sessions that are opened from now on another name. Call it before any is opened.
    pub(crate) fn rename(&mut self, application: &str) {
        let rename = |options: &PgConnectOptions| options.clone().application_name(application);
        (self.server, self.migration) = (rename(&self.server), rename(&self.migration));
        self.pool = self.worker_pool(1);
    }

    pub(crate) fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// A pool without a statement timeout, for background work.
    pub(crate) fn worker_pool(&self, connections: u32) -> PgPool {
        // Work that goes on by itself would start over for each connection that broke: each is tested before its use.
        pool_options(&self.standing, None, Duration::ZERO)
            .max_connections(connections)
            .connect_lazy_with(self.server.clone())
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

fn parse(url: &str, what: &'static str) -> Result<PgConnectOptions, Failure> {
    let options = PgConnectOptions::from_str(url).map_err(|source| Failure::Unusable {
        what,
        source: source.into(),
    })?;
    Ok(options
        .application_name("daybook")
        // A pooler such as PgBouncer refuses what it does not know.
        .extra_float_digits(None)
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(1)))
}

fn pool_options(
    standing: &Standing,
    further: Option<&'static str>,
    trusted_for: Duration,
) -> PgPoolOptions {
    let (letting_in, looking) = (standing.clone(), standing.clone());
    PgPoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            let standing = letting_in.clone();
            Box::pin(async move {
                if let Some(settings) = further {
                    connection.execute(settings).await?;
                }
                // Last, so that the age of a session counts from when it was let in.
                begin_session(connection, &standing).await?;
                Ok(())
            })
        })
        // The test below has a limit of time, which sqlx's own has not.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let is_outlived = looking.is_outlived(meta.age);
            Box::pin(async move {
                if meta.idle_for > trusted_for && !is_outlived {
                    let answered = timeout(ANSWERED_WITHIN, connection.ping()).await;
                    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
                }
                Ok(!is_outlived)
            })
        })
        // One that fell silent while it was used must not keep its place: sqlx asks it, too, but waits for ever.
        .after_release(|connection, _| {
            Box::pin(async move {
                let answered = timeout(ANSWERED_WITHIN, connection.ping()).await;
                answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
                Ok(true)
            })
        })
}

async fn private_server(
    data: &Path,
    if_running: IfRunning,
) -> Result<(String, String, Option<Supervisor>), Failure> {
    match PrivateServer::start(PrivateServerConfig::new(data.join("postgres"))).await {
        Ok(server) => {
            let urls = (server.server_url(), server.migration_url());
            publish_urls(data, &urls.0, &urls.1).await?;
            Ok((urls.0, urls.1, Some(Supervisor::watch(server))))
        }
        Err(PrivateServerError::InUse { folder }) if if_running == IfRunning::Join => {
            let urls = fs::read_to_string(urls_file(data))
                .await
                .unwrap_or_default();
            match urls.lines().collect::<Vec<_>>()[..] {
                [server, migration] => Ok((server.to_owned(), migration.to_owned(), None)),
                _ => Err(OpenError::from(PrivateServerError::InUse { folder }).into()),
            }
        }
        Err(error) => Err(OpenError::from(error).into()),
    }
}

/// Tells other commands the private server's URLs. They are not secret: access to its socket is restricted.
async fn publish_urls(data: &Path, server: &str, migration: &str) -> Result<(), Failure> {
    fs::write(urls_file(data), format!("{server}\n{migration}\n"))
        .await
        .map_err(|source| Failure::Write {
            what: "write to the data folder",
            source,
        })
}

fn urls_file(data: &Path) -> PathBuf {
    data.join("postgres").join("urls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_private_server_tells_what_is_wrong_and_then_how_it_is_mended() {
        let line = |error: PrivateServerError| Failure::from(OpenError::from(error)).line();
        let folder = PathBuf::from("/data/postgres");
        assert_eq!(
            line(PrivateServerError::InUse { folder }),
            "daybook: another process is using /data/postgres: stop it, or choose another data folder"
        );
        let log = PathBuf::from("/data/postgres.log");
        let reason = "FATAL:  no room; giving up".to_owned();
        assert_eq!(
            line(PrivateServerError::StoppedWhileStarting { reason, log }),
            "daybook: PostgreSQL stopped while starting: FATAL: no room; giving up: see /data/postgres.log"
        );
    }
}
