//! The role `api`: answers requests over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use daybook_accounts::erasure::Erasures;
use daybook_accounts::{Accounts, AccountsParts, ForgottenPasswords};
use daybook_api::app::{App, AppParts, HttpConfig};
use daybook_api::auth::Callers;
use daybook_api::gateway::GatewaySettings;
use daybook_api::gateway::rate_limit::RateLimits;
use daybook_api::redis::Redis;
use daybook_api::router;
use daybook_edge::Edge;
use daybook_edge::tls::{Certificate, CertificateFiles};
use daybook_identity::Revocations;
use daybook_identity::api_key::ApiKeys;
use daybook_identity::guessing::Guessing;
use daybook_identity::oidc::Provider;
use daybook_identity::security::SecurityLog;
use daybook_identity::session::Lifetimes;
use daybook_processes::outbox::Outbox;
use daybook_projections::{ProgressTracker, ReadModels};
use daybook_usage::UsageStore;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Server;
use super::first_start::{self, SignIns};
use super::listener::{ListenError, ReservedPort};
use super::sharing::Sharing;
use super::tasks::Tasks;
use crate::config::ServerConfig;
use crate::failure::Failure;
use crate::site::core::Core;

/// The parts of the role that are prepared before anything else is started.
pub(super) struct ApiRole {
    port: ReservedPort,
    /// `None` if the server speaks plain HTTP.
    certificate: Option<Arc<Certificate>>,
}

impl ApiRole {
    /// Reads the certificate, if one is configured. Connections are not accepted yet.
    pub(super) fn of(port: ReservedPort, config: &ServerConfig) -> Result<ApiRole, Failure> {
        let (certificate, key) = (&config.edge.tls_cert, &config.edge.tls_key);
        let certificate = match CertificateFiles::of(certificate.as_deref(), key.as_deref())? {
            Some(files) => Some(Arc::new(Certificate::open(files)?)),
            None => None,
        };
        Ok(ApiRole { port, certificate })
    }

    /// Creates what a new shop needs, then answers requests until `stop`, and those that were accepted by then.
    pub(super) async fn serve(
        self,
        server: &Server<'_>,
        core: &Core,
        erasures: Erasures,
        recorder: Option<PrometheusHandle>,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &SignIns),
    ) -> Result<(), Failure> {
        let Server {
            config,
            database,
            master_key,
            ..
        } = *server;
        if !config.rate_limits.is_on() {
            warn!("rate limits are off: everybody may send as many requests as they like");
        }
        let preparing = first_start::prepare(config, database, master_key, core);
        let Some(sign_ins) = stop.run_until_cancelled(preparing).await else {
            return Ok(());
        };
        let sign_ins = sign_ins?;
        let sharing = Sharing::start(config, database, master_key).await?;
        let progress = ProgressTracker::default();
        let dropped = progress.clone();
        database.standing.on_change(move || dropped.forget());
        let Assembly { parts, forgotten } =
            Assembly::of(server, core, erasures, &progress, sharing.redis(), recorder)?;
        let listener = self.port.listen()?;
        let address = listener
            .local_addr()
            .map_err(|source| ListenError::Address {
                address: config.listen,
                source,
            })?;
        let app = App::new(parts);
        let tasks = Tasks::start(
            &app,
            progress,
            forgotten,
            database,
            &config.data.folder,
            self.certificate.clone(),
        );

        info!(%address, "serving");
        opened(address, &sign_ins);
        // Before waiting for requests: a client that watches a build would never end on its own.
        let closing = async {
            stop.cancelled().await;
            app.builds.close();
        };
        let edge = edge(config, self.certificate);
        let serving = daybook_edge::serve(listener, router(app.clone()), edge, stop.clone());
        tokio::join!(serving, closing);
        app.builds.ended().await;
        // After the requests, because their answers promise some of the tasks' work.
        tasks.stop().await;
        sharing.stop().await;
        Ok(())
    }
}

/// Limits concurrent exports, because each of them uses database connections again and again.
const EXPORTS_AT_ONCE: usize = 8;

/// The parts that answer requests.
struct Assembly {
    parts: AppParts,
    forgotten: ForgottenPasswords,
}

impl Assembly {
    fn of(
        server: &Server<'_>,
        core: &Core,
        erasures: Erasures,
        progress: &ProgressTracker,
        redis: Option<Redis>,
        recorder: Option<PrometheusHandle>,
    ) -> Result<Assembly, Failure> {
        let (pool, data) = (&server.database.pool, &server.config.data);
        let oidc = server.config.oidc.config()?;
        let http = http(server.config);
        let read_models = ReadModels::new(pool.clone(), progress.clone());
        let security = SecurityLog::new(pool.clone());
        let usage = UsageStore::new(pool.clone());
        let exports = Arc::new(Semaphore::new(EXPORTS_AT_ONCE));
        let callers = Callers {
            api_keys: ApiKeys::new(pool.clone()),
            token_keys: daybook_keys::token_keys(&data.folder)?,
            revocations: Revocations::new(pool.clone()),
            erasures,
            commands: core.bus.clone(),
        };
        let (accounts, forgotten) = Accounts::new(AccountsParts {
            commands: core.bus.clone(),
            read_models: read_models.clone(),
            feed: core.feed.clone(),
            pool: pool.clone(),
            outbox: Outbox::new(pool.clone(), core.feed.codec().clone()),
            guessing: Guessing::new(pool.clone()),
            security: security.clone(),
            revocations: callers.revocations.clone(),
            erasures: callers.erasures.clone(),
            token_keys: callers.token_keys.clone(),
            usage: usage.clone(),
            exports: Arc::clone(&exports),
            sessions: Lifetimes::default(),
            access_token_ttl: 60 * Duration::from_secs(server.config.access_token_minutes.into()),
            patience: http.read_your_writes_timeout,
        });
        let parts = AppParts {
            commands: core.bus.clone(),
            read_models,
            feed: core.feed.clone(),
            pool: pool.clone(),
            usage,
            accounts,
            callers,
            security,
            exports,
            oidc: oidc.as_ref().map(Provider::new).transpose()?,
            checkpoint_keys: daybook_keys::checkpoint_verifiers(
                &data.folder,
                data.checkpoint_key(),
            )?,
            redis,
            recorder,
            http,
        };
        Ok(Assembly { parts, forgotten })
    }
}

fn edge(config: &ServerConfig, certificate: Option<Arc<Certificate>>) -> Edge {
    let proxies = config.trusted_proxies.clone();
    Edge {
        certificate,
        exempt: Arc::new(move |peer| proxies.contains(peer)),
        ..Edge::default()
    }
}

fn http(config: &ServerConfig) -> HttpConfig {
    HttpConfig {
        gateway: GatewaySettings {
            trusted_proxies: config.trusted_proxies.clone(),
            limits: config.rate_limits.is_on().then(RateLimits::default),
            is_behind_https: config.edge.is_behind_https(),
            ..GatewaySettings::default()
        },
        currency: config.currency,
        cors_origins: config.edge.cors_origins(),
        ..HttpConfig::default()
    }
}
