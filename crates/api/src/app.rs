//! The application that handlers use.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use chrono::{DateTime, SubsecRound, Utc};
use daybook_accounts::Accounts;
use daybook_audit::VerifierKey;
use daybook_commands::{Answer, Answered, Command, CommandBus, CommandError};
use daybook_domain::Currency;
use daybook_history::trail::Trail;
use daybook_identity::oidc::Provider;
use daybook_identity::security::SecurityLog;
use daybook_log::{Actor, Feed};
use daybook_projections::ReadModels;
use daybook_usage::UsageStore;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::answer::refused;
use crate::auth::Callers;
use crate::background_builds::BackgroundBuilds;
use crate::cache::{AnswerCache, ProductCache};
use crate::extract::{BodyLimits, CommandRequest, Waiting};
use crate::gateway::cors::WebOrigin;
use crate::gateway::{Gateway, GatewaySettings};
use crate::problem::ApiResult;
use crate::redis::Redis;

pub use crate::gateway::BASE;

/// Everything that handlers use. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// The parts of a server, and what only HTTP has: caches, builds that requests have begun, the gateway's counts.
pub struct Shared {
    parts: AppParts,
    pub(crate) products: ProductCache,
    pub(crate) answers: AnswerCache,
    pub builds: BackgroundBuilds,
    pub(crate) gateway: Gateway,
}

/// The parts that an [`App`] is made of.
pub struct AppParts {
    pub commands: CommandBus,
    pub read_models: ReadModels,
    pub feed: Feed,
    /// For credentials, refresh tokens and usage events; queries use the read models' own pool.
    pub pool: PgPool,
    pub usage: UsageStore,
    pub accounts: Accounts,
    pub callers: Callers,
    pub security: SecurityLog,
    /// Permits for exports of any size, of a person's data or of the trail.
    pub exports: Arc<Semaphore>,
    /// The keys that checkpoints of the log are checked with, the newest first.
    pub checkpoint_keys: Vec<VerifierKey>,
    /// The identity provider with which staff may sign in, if there is one.
    pub oidc: Option<Provider>,
    /// The Redis that the servers of a shop share, if there is one.
    pub redis: Option<Redis>,
    /// The metrics that `/metrics` shows; `None` if they are recorded elsewhere.
    pub recorder: Option<PrometheusHandle>,
    pub http: HttpConfig,
}

#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub gateway: GatewaySettings,
    /// The time within which a body must arrive; it is a part of the request's time.
    pub body_timeout: Duration,
    /// How long a query waits for `Daybook-Min-Position`.
    pub read_your_writes_timeout: Duration,
    pub body_limit: usize,
    /// The currency of prices that name none.
    pub currency: Currency,
    /// Origins whose pages may use the API.
    pub cors_origins: Vec<WebOrigin>,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            gateway: GatewaySettings::default(),
            body_timeout: Duration::from_secs(8),
            read_your_writes_timeout: Duration::from_secs(2),
            body_limit: 64 * 1024,
            currency: Currency::EUR,
            cors_origins: Vec::new(),
        }
    }
}

impl App {
    pub fn new(parts: AppParts) -> App {
        let products = ProductCache::default();
        let followed = products.clone();
        let progress = parts.read_models.progress();
        progress.on_change(move |change| followed.follow(change));
        let answers = AnswerCache::new(progress.clone(), parts.redis.clone());
        App(Arc::new(Shared {
            gateway: Gateway::new(&parts.http.gateway, parts.redis.clone()),
            products,
            answers,
            builds: BackgroundBuilds::default(),
            parts,
        }))
    }

    /// Empties the metrics' buffers, forgets idle clients, and measures the cached answers. To be called every few
    /// seconds.
    pub fn tidy(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.run_upkeep();
        }
        self.gateway.tidy();
        self.answers.measure();
    }

    pub(crate) fn new_id<T: From<Uuid>>(&self) -> T {
        Uuid::now_v7().into()
    }

    pub(crate) fn trail(&self) -> Trail {
        Trail::new(self.feed.clone(), self.read_models.trail().clone())
    }

    /// The present time to the millisecond, which is what answers show.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    /// Executes a command and makes its answer: `accept` makes the representation of its outcome, a refusal becomes a
    /// problem.
    pub(crate) async fn execute<C: Command>(
        &self,
        command: C,
        actor: Actor,
        request: CommandRequest,
        accept: impl Fn(&C::Outcome) -> Answer + Send + Sync + 'static,
    ) -> ApiResult<Answered> {
        let answered = self.try_execute(command, actor, request, accept);
        Ok(answered.await?)
    }

    /// The same for a caller to whom it matters why there is no answer.
    pub(crate) async fn try_execute<C: Command>(
        &self,
        command: C,
        actor: Actor,
        request: CommandRequest,
        accept: impl Fn(&C::Outcome) -> Answer + Send + Sync + 'static,
    ) -> Result<Answered, CommandError> {
        let (path, request_id) = (request.path.clone(), request.request_id.clone());
        let context = request.context(actor, self.now());
        let respond = move |outcome: Result<&C::Outcome, &_>| match outcome {
            Ok(outcome) => accept(outcome),
            Err(refusal) => refused(refusal, &path, &request_id),
        };
        self.commands.execute(command, context, respond).await
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.parts
    }
}

impl FromRef<App> for BodyLimits {
    fn from_ref(app: &App) -> BodyLimits {
        BodyLimits {
            bytes: app.http.body_limit,
            timeout: app.http.body_timeout,
        }
    }
}

impl FromRef<App> for Waiting {
    fn from_ref(app: &App) -> Waiting {
        Waiting {
            read_models: app.read_models.clone(),
            patience: app.http.read_your_writes_timeout,
        }
    }
}

impl FromRef<App> for Feed {
    fn from_ref(app: &App) -> Feed {
        app.feed.clone()
    }
}
