//! `daybook serve`: starts everything in order, and stops it in the opposite order.
//!
//! Each role is a file: [`api`], [`projector`], [`sealer`]. What several of them use is started here.

pub(crate) mod welcome;

mod api;
mod background;
mod chores;
mod first_start;
mod forgetting;
mod listener;
mod projector;
mod sealer;
mod sharing;
mod tasks;

use std::net::SocketAddr;
use std::time::Duration;

use daybook_accounts::erasure::{self, Erasures};
use daybook_audit::CheckpointStore;
use daybook_keys::MasterKey;
use error_reporter::Report;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::api::ApiRole;
pub(crate) use self::first_start::SignIns;
use self::forgetting::Forgetting;
pub(crate) use self::listener::ListenError;
use self::listener::ReservedPort;
use self::sealer::{PreparedSealer, Sealing};
use crate::config::{Role, ServerConfig};
use crate::failure::Failure;
use crate::site::core::Core;
use crate::site::database::{Database, IfRunning};
use crate::site::{restored, schema};
use crate::telemetry::metrics;

/// Between two attempts at comparing the log with what was exported.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves until `stop`, then answers the accepted requests and returns. Calls `opened` with the address and the
/// sign-ins once requests can be sent.
pub(crate) async fn serve(
    config: &ServerConfig,
    stop: CancellationToken,
    opened: impl FnOnce(SocketAddr, &SignIns),
) -> Result<(), Failure> {
    // Reports configuration errors that can be seen without the database before touching the database.
    let port = match config.has(Role::Api) {
        true => Some(ReservedPort::bind(config.listen)?),
        false => None,
    };
    config.admin()?;
    config.oidc.config()?;
    first_start::refuse_weak_secrets(config)?;
    sharing::client(config)?;
    let api = match port {
        Some(port) => Some(ApiRole::of(port, config)?),
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
    };
    let served = server.run(api, stop, opened).await;
    database.close().await;
    served
}

/// A server that cannot execute commands is of no use: it stops, and its supervisor starts another.
fn stop_on(stop: &CancellationToken, broken: &CancellationToken) -> CancellationToken {
    let stopped = stop.child_token();
    let (stop, broken) = (stopped.clone(), broken.clone());
    tokio::spawn(async move {
        broken.cancelled().await;
        stop.cancel();
    });
    stopped
}

/// What every role needs to start.
struct Server<'a> {
    config: &'a ServerConfig,
    database: &'a Database,
    master_key: &'a MasterKey,
    store: &'a CheckpointStore,
}

impl Server<'_> {
    async fn run(
        &self,
        api: Option<ApiRole>,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &SignIns),
    ) -> Result<(), Failure> {
        let ready = async {
            // Another process may be migrating; this waits as long as that takes.
            schema::ready(self.database).await?;
            restored::refuse(self.database, &self.config.data, self.store).await
        };
        match stop.run_until_cancelled(ready).await {
            Some(ready) => ready?,
            None => return Ok(()),
        }
        // Must be installed before any metric is recorded.
        let recorder = match api.is_some() {
            true => metrics::install(),
            false => None,
        };
        let sealing = match self.config.has(Role::Sealer) {
            true => Some(PreparedSealer::of(self)?),
            false => None,
        };
        let core = Core::start(self.database, self.master_key).await?;
        let broken = core.broken();
        let stop = stop_on(&stop, &broken);
        // Sessions are let in until the last work is done.
        let done = CancellationToken::new();
        let examining = self.examine_later_instances(&stop, &done);
        let serving = async {
            let served = self
                .serve(core, api, recorder, sealing, &stop, opened)
                .await;
            done.cancel();
            served
        };
        let (served, examined) = tokio::join!(serving, examining);
        examined.and(served)
    }

    async fn serve(
        &self,
        core: Core,
        api: Option<ApiRole>,
        recorder: Option<PrometheusHandle>,
        sealing: Option<PreparedSealer>,
        stop: &CancellationToken,
        opened: impl FnOnce(SocketAddr, &SignIns),
    ) -> Result<(), Failure> {
        let feed = core.feed.clone();
        let sealing = sealing.map(Sealing::start);
        // Persons who are back in a restored database must be erased before anything is served.
        let repeating = erasure::repeat(&core.bus, self.store);
        let served = match stop.run_until_cancelled(repeating).await {
            Some(Ok(_)) => self.work(&core, api, recorder, stop.clone(), opened).await,
            Some(Err(error)) => Err(error.into()),
            None => Ok(()),
        };
        let stopped = core.stop().await;
        // After the queue, because its last events must be sealed, too.
        if let Some(sealing) = sealing {
            sealing.stop(&feed).await;
        }
        stopped.and(served)
    }

    /// Does for each later instance of the database what the start does for the first: nobody reads from it or writes
    /// to it before its log was found to continue what was exported. Ends when all is done; a failure cancels `stop`.
    async fn examine_later_instances(
        &self,
        stop: &CancellationToken,
        done: &CancellationToken,
    ) -> Result<(), Failure> {
        let standing = &self.database.standing;
        let examined = standing.examine(done, || self.examine()).await;
        if examined.is_err() {
            stop.cancel();
        }
        examined
    }

    async fn examine(&self) -> Result<(), Failure> {
        loop {
            let refused = restored::refuse(self.database, &self.config.data, self.store).await;
            let Err(failure) = refused else { return Ok(()) };
            match failure {
                Failure::Restored(_) => return Err(failure),
                // The exporter replaces no checkpoint of another history when the store is back.
                Failure::Store(error) => {
                    warn!(error = %Report::new(&error), "the log is not compared with what was exported");
                    return Ok(());
                }
                passing => {
                    warn!(error = %Report::new(&passing), "comparing the log with what was exported")
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn work(
        &self,
        core: &Core,
        api: Option<ApiRole>,
        recorder: Option<PrometheusHandle>,
        stop: CancellationToken,
        opened: impl FnOnce(SocketAddr, &SignIns),
    ) -> Result<(), Failure> {
        let erasures = Erasures::new(core.bus.clone());
        let forgetting = Forgetting::start(self.database, core, &erasures, self.store);
        let projectors = self
            .config
            .has(Role::Projector)
            .then(|| projector::start(self.database, core));
        let served = match api {
            Some(api) => {
                api.serve(self, core, erasures, recorder, stop, opened)
                    .await
            }
            None => {
                info!(roles = ?self.config.roles, "started without the role api");
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
}
