//! `daybook serve`: everything started in order, and stopped in the opposite one.

pub(crate) mod core;
pub(crate) mod database;
pub(crate) mod schema;
pub(crate) mod welcome;

mod background;
mod beside;
mod connect;
mod first_start;
mod forgetting;
mod listener;
pub(crate) mod restored;
mod sealing;
mod sharing;
mod supervisor;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use daybook_audit::CheckpointStore;
use daybook_identity::Revocations;
use daybook_identity::oidc::Provider;
use daybook_projections::{Progress, ProjectorConfig, ReadModels, registry};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::background::Background;
use self::beside::Beside;
use self::core::Core;
use self::database::{Database, IfRunning};
pub(crate) use self::first_start::Accounts;
use self::forgetting::Forgetting;
pub(crate) use self::listener::ListenError;
use self::listener::ReservedPort;
use self::sealing::{Preparation, Sealing};
use self::sharing::Sharing;
use crate::app::{self, App, AppParts, HttpConfig};
use crate::config::{Role, ServerConfig};
use crate::edge::tls::{Certificate, Files, TlsError};
use crate::edge::{self, Edge};
use crate::erasure::{self, Erasures};
use crate::failure::Failure;
use crate::keys::{self, MasterKey};
use crate::metrics;

/// Serves until `stop`, then answers what was accepted and returns. `opened` is told the
/// address, and who can sign in, once requests can be sent to it.
pub(crate) async fn serve(
    config: &ServerConfig,
    stop: CancellationToken,
    opened: impl FnOnce(SocketAddr, &Accounts),
) -> Result<(), Failure> {
    // What can be seen to be wrong without the database is told before that is touched.
    let port = match config.has(Role::Api) {
        true => Some(ReservedPort::bind(config.listen)?),
        false => None,
    };
    config.admin()?;
    config.oidc.config()?;
    first_start::refuse_weak_secrets(config)?;
    sharing::client(config)?;
    let certificate = match port {
        Some(_) => certificate(config)?,
        None => None,
    };
    let master_key = MasterKey::obtain(&config.data.folder, config.data.master_key())?;
    let store = CheckpointStore::open(&config.data.checkpoints())?;
    let database = Database::open(&config.database, &config.data, IfRunning::Refuse).await?;
    let server = Server {
        config,
        database: &database,
        master_key: &master_key,
        store: &store,
        certificate,
    };
    let served = server.run(port, stop, opened).await;
    database.close().await;
    served
}

fn certificate(config: &ServerConfig) -> Result<Option<Arc<Certificate>>, TlsError> {
    let (certificate, key) = (&config.edge.tls_cert, &config.edge.tls_key);
    let files = Files::of(certificate.as_deref(), key.as_deref())?;
    files
        .map(|files| Certificate::open(files).map(Arc::new))
        .transpose()
}

/// A server that can carry out no commands is of no use: it ends, and whoever runs it starts another.
fn stop_on(stop: &CancellationToken, broken: &CancellationToken) -> CancellationToken {
    let stopped = stop.child_token();
    let (stop, broken) = (stopped.clone(), broken.clone());
    tokio::spawn(async move {
        broken.cancelled().await;
        stop.cancel();
    });
    stopped
}

struct Server<'a> {
    config: &'a ServerConfig,
    database: &'a Database,
    master_key: &'a MasterKey,
    store: &'a CheckpointStore,
    certificate: Option<Arc<Certificate>>,
}

impl Server<'_> {
    async fn run(
        &self,
        port: Option<ReservedPort>,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &Accounts),
    ) -> Result<(), Failure> {
        let ready = async {
            // Another process may be migrating, for as long as that takes.
            schema::ready(self.database).await?;
            restored::refuse(self.database, &self.config.data, self.store).await
        };
        match stop.run_until_cancelled(ready).await {
            Some(ready) => ready?,
            None => return Ok(()),
        }
        if port.is_some() {
            // Before anything counts.
            metrics::install();
        }
        let sealing = match self.config.has(Role::Sealer) {
            true => Some(self.prepare_sealing()?),
            false => None,
        };
        let core = Core::start(self.database, self.master_key).await?;
        let (broken, feed) = (core.broken(), core.feed.clone());
        let stop = stop_on(&stop, &broken);
        let sealing = sealing.map(Sealing::start);
        // Before anything is shown of whom a restored database has brought back.
        let repeating = erasure::repeat(&core.bus, self.store);
        let served = match stop.run_until_cancelled(repeating).await {
            Some(Ok(_)) => self.work(&core, port, stop, opened).await,
            Some(Err(failure)) => Err(failure),
            None => Ok(()),
        };
        core.stop().await;
        // After the queue, whose last events are to be sealed, too.
        if let Some(sealing) = sealing {
            sealing.stop(&feed).await;
        }
        match broken.is_cancelled() {
            true => Err(Failure::WriterDied),
            false => served,
        }
    }

    async fn work(
        &self,
        core: &Core,
        port: Option<ReservedPort>,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &Accounts),
    ) -> Result<(), Failure> {
        let erasures = Erasures::new(core.bus.clone());
        let forgetting = Forgetting::start(self.database, &erasures, self.store.clone());
        let projectors = self.config.has(Role::Projector).then(|| self.project(core));
        let served = match port {
            Some(port) => self.answer(core, erasures, port, stop, opened).await,
            None => {
                info!(roles = ?self.config.roles, "at work");
                stop.cancelled().await;
                Ok(())
            }
        };
        if let Some(projectors) = projectors {
            projectors.stop().await;
        }
        forgetting.stop().await;
        served
    }

    fn project(&self, core: &Core) -> Background {
        // One connection for each projector and one to listen.
        let pool = self.database.worker_pool(registry().len() as u32 + 1);
        let feed = core.feed.clone();
        Background::start("projectors", |stop| {
            daybook_projections::run(feed, pool, ProjectorConfig::default(), stop)
        })
    }

    fn prepare_sealing(&self) -> Result<Preparation, Failure> {
        Preparation::new(self.database, &self.config.data, self.store.clone())
    }

    async fn answer(
        &self,
        core: &Core,
        erasures: Erasures,
        port: ReservedPort,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &Accounts),
    ) -> Result<(), Failure> {
        if !self.config.rate_limits.is_on() {
            warn!("rate limits are off: everybody may send as many requests as they like");
        }
        let preparing = first_start::prepare(self.config, self.database, self.master_key, core);
        let Some(accounts) = stop.run_until_cancelled(preparing).await else {
            return Ok(());
        };
        let accounts = accounts?;
        let sharing = Sharing::start(self.config, self.database, self.master_key).await?;
        let listener = port.listen()?;
        let address = listener
            .local_addr()
            .map_err(|source| ListenError::Address {
                address: self.config.listen,
                source,
            })?;
        let progress = Progress::default();
        let app = self.app(core, erasures, &progress, &sharing)?;
        let beside = Beside::start(
            &app,
            progress,
            self.database,
            &self.config.data.folder,
            self.certificate.clone(),
        );

        info!(%address, "serving");
        opened(address, &accounts);
        // Before requests are waited for: whoever watches a build would not end by themselves.
        let closing = async {
            stop.cancelled().await;
            app.builds.close();
        };
        let serving = edge::serve(
            listener,
            app::router(app.clone()),
            self.edge(),
            stop.clone(),
        );
        tokio::join!(serving, closing);
        app.builds.ended().await;
        // After the requests, whose answers promise some of it.
        beside.stop().await;
        sharing.stop().await;
        Ok(())
    }

    fn app(
        &self,
        core: &Core,
        erasures: Erasures,
        progress: &Progress,
        sharing: &Sharing,
    ) -> Result<App, Failure> {
        let (pool, data) = (&self.database.pool, &self.config.data);
        Ok(App::new(AppParts {
            commands: core.bus.clone(),
            read_models: ReadModels::new(pool.clone(), progress.clone()),
            feed: core.feed.clone(),
            pool: pool.clone(),
            token_keys: keys::token_keys(&data.folder)?,
            erasures,
            revocations: Revocations::new(pool.clone()),
            oidc: self.oidc()?,
            checkpoint_keys: keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?,
            redis: sharing.redis(),
            http: self.http(),
        }))
    }

    fn oidc(&self) -> Result<Option<Provider>, Failure> {
        let config = self.config.oidc.config()?;
        Ok(config.as_ref().map(Provider::new).transpose()?)
    }

    fn edge(&self) -> Edge {
        let proxies = self.config.trusted_proxies.clone();
        Edge {
            certificate: self.certificate.clone(),
            exempt: Arc::new(move |peer| proxies.contains(peer)),
            ..Edge::default()
        }
    }

    fn http(&self) -> HttpConfig {
        HttpConfig {
            access_token_ttl: 60 * Duration::from_secs(self.config.access_token_minutes.into()),
            rate_limits: self.config.rate_limits.is_on(),
            trusted_proxies: self.config.trusted_proxies.clone(),
            currency: self.config.currency,
            cors_origins: self.config.edge.cors_origins(),
            https: self.config.edge.is_behind_https(),
            ..HttpConfig::default()
        }
    }
}
