//! The application that handlers use, and the router around them.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use chrono::{DateTime, SubsecRound, Utc};
use daybook_audit::VerifierKey;
use daybook_commands::{Answer, Answered, Command, CommandBus};
use daybook_domain::Currency;
use daybook_history::trail::Trail;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::api_key::ApiKeys;
use daybook_identity::guessing::Guessing;
use daybook_identity::oidc::Provider;
use daybook_identity::security::SecurityLog;
use daybook_identity::session::{self, Lifetimes};
use daybook_identity::{Revocations, one_time};
use daybook_log::{Actor, Feed};
use daybook_processes::outbox::Outbox;
use daybook_projections::{ReadModels, measure, status};
use daybook_usage::UsageStore;
use error_reporter::Report;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::account_messages::ForgottenPasswords;
use crate::answer::refused;
use crate::builds::Builds;
use crate::cache::{AnswerCache, ProductCache};
use crate::erasure::Erasures;
use crate::extract::CommandRequest;
use crate::gateway::cors::{self, WebOrigin};
use crate::gateway::rate_limit::RateLimits;
use crate::gateway::{
    ByClass, Capacity, Gateway, TrustedProxies, denials, gateway, identify, limit_caller, secured,
};
use crate::problem::{ApiResult, Problem};
use crate::redis::Redis;
use crate::{openapi, routes};

/// The prefix of all paths of the API.
pub const BASE: &str = "/api/v1";

/// Everything that handlers use. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Shared>);

pub struct Shared {
    pub commands: CommandBus,
    pub read_models: ReadModels,
    pub feed: Feed,
    pub pool: PgPool,
    pub usage: UsageStore,
    pub token_keys: TokenKeys,
    pub api_keys: ApiKeys,
    pub checkpoint_keys: Vec<VerifierKey>,
    pub http: HttpConfig,
    pub products: ProductCache,
    pub answers: AnswerCache,
    pub builds: Builds,
    /// Permits for exports of any size, because each of them uses database connections again and again.
    pub exports: Arc<Semaphore>,
    pub erasures: Erasures,
    pub revocations: Revocations,
    /// The identity provider with which staff may sign in, if there is one.
    pub oidc: Option<Provider>,
    pub outbox: Outbox,
    pub(crate) forgotten_passwords: ForgottenPasswords,
    pub guessing: Guessing,
    pub security: SecurityLog,
    pub redis: Option<Redis>,
    /// The metrics of this process; `None` if they are recorded elsewhere.
    pub recorder: Option<PrometheusHandle>,
    gateway: Gateway,
}

/// The parts that an [`App`] is made of.
pub struct AppParts {
    pub commands: CommandBus,
    pub read_models: ReadModels,
    pub feed: Feed,
    /// For credentials, refresh tokens and usage events; queries use the read models' own pool.
    pub pool: PgPool,
    pub token_keys: TokenKeys,
    /// The keys that checkpoints of the log are checked with, the newest first.
    pub checkpoint_keys: Vec<VerifierKey>,
    pub erasures: Erasures,
    pub revocations: Revocations,
    pub oidc: Option<Provider>,
    /// The Redis that the servers of a shop share, if there is one.
    pub redis: Option<Redis>,
    /// The metrics that `/metrics` shows.
    pub recorder: Option<PrometheusHandle>,
    pub http: HttpConfig,
}

#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub access_token_ttl: Duration,
    pub sessions: Lifetimes,
    pub request_timeout: Duration,
    /// The time within which a body must arrive; it is a part of the request's time.
    pub body_timeout: Duration,
    /// How long a query waits for `Daybook-Min-Position`.
    pub read_your_writes_timeout: Duration,
    pub body_limit: usize,
    /// How many requests are executed at once and how many may wait; further ones are answered with 503.
    pub capacity: ByClass<Capacity>,
    pub trusted_proxies: TrustedProxies,
    pub rate_limits: bool,
    pub limits: RateLimits,
    /// The currency of prices that name none.
    pub currency: Currency,
    /// Web origins whose pages may use the API.
    pub cors_origins: Vec<WebOrigin>,
    /// Whether clients connect over TLS that ends at a proxy before this server.
    pub https: bool,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            access_token_ttl: Duration::from_secs(15 * 60),
            sessions: Lifetimes {
                idle: 7 * DAY,
                absolute: 30 * DAY,
            },
            request_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(8),
            read_your_writes_timeout: Duration::from_secs(2),
            body_limit: 64 * 1024,
            capacity: ByClass::default(),
            trusted_proxies: TrustedProxies::default(),
            rate_limits: true,
            limits: RateLimits::default(),
            currency: EUR.parse().unwrap_or_default(),
            cors_origins: Vec::new(),
            https: false,
        }
    }
}

/// If the database takes longer, it is overloaded, and the measurement is skipped.
const MEASURING: Duration = Duration::from_secs(2);

/// How often records whose time has passed are deleted.
const TIDYING: Duration = Duration::from_secs(10 * 60);

const EXPORTS_AT_ONCE: usize = 8;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const EUR: &str = "EUR";

impl App {
    pub fn new(parts: AppParts) -> App {
        let products = ProductCache::default();
        let followed = products.clone();
        parts
            .read_models
            .progress()
            .on_change(move |change| followed.follow(change));
        let answers = AnswerCache::new(parts.read_models.progress().clone(), parts.redis.clone());
        App(Arc::new(Shared {
            gateway: Gateway::new(&parts.http, parts.redis.clone()),
            erasures: parts.erasures,
            revocations: parts.revocations,
            oidc: parts.oidc,
            outbox: Outbox::new(parts.pool.clone(), parts.feed.codec().clone()),
            forgotten_passwords: ForgottenPasswords::new(),
            guessing: Guessing::new(parts.pool.clone()),
            security: SecurityLog::new(parts.pool.clone()),
            redis: parts.redis,
            recorder: parts.recorder,
            commands: parts.commands,
            read_models: parts.read_models,
            feed: parts.feed,
            usage: UsageStore::new(parts.pool.clone()),
            api_keys: ApiKeys::new(parts.pool.clone()),
            pool: parts.pool,
            token_keys: parts.token_keys,
            checkpoint_keys: parts.checkpoint_keys,
            http: parts.http,
            products,
            answers,
            builds: Builds::default(),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
        }))
    }

    pub fn new_id<T: From<Uuid>>(&self) -> T {
        Uuid::now_v7().into()
    }

    pub(crate) fn trail(&self) -> Trail {
        Trail::new(self.feed.clone(), self.read_models.trail().clone())
    }

    /// The present time to the millisecond, which is what answers show.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    /// Executes a command and makes its answer: `accept` makes the representation of its outcome, a refusal becomes a
    /// problem.
    pub async fn execute<C: Command>(
        &self,
        command: C,
        actor: Actor,
        request: CommandRequest,
        accept: impl Fn(&C::Outcome) -> Answer + Send + Sync + 'static,
    ) -> ApiResult<Answered> {
        let (path, request_id) = (request.path.clone(), request.request_id.clone());
        let context = request.context(actor, self.now());
        let respond = move |outcome: Result<&C::Outcome, &_>| match outcome {
            Ok(outcome) => accept(outcome),
            Err(refusal) => refused(refusal, &path, &request_id),
        };
        Ok(self.commands.execute(command, context, respond).await?)
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All routes with the gateway before them.
pub fn router(app: App) -> Router {
    let (api, _) = openapi::router().split_for_parts();
    let body_limit = DefaultBodyLimit::max(app.http.body_limit);
    let front = from_fn_with_state(app.gateway.clone(), gateway);
    let cors = cors::layer(&app.http.cors_origins);
    let outside = from_fn_with_state(app.gateway.clone(), secured);
    let router = api
        .merge(routes::operations::router())
        .merge(routes::jwks::router())
        .merge(routes::docs::router())
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(body_limit)
        .layer(from_fn_with_state(app.gateway.clone(), limit_caller))
        .layer(from_fn_with_state(app.clone(), identify))
        .layer(front)
        .layer(from_fn_with_state(app.security.clone(), denials))
        .with_state(app);
    match cors {
        // Outside of the gateway: pages must be able to read its refusals, and a preflight belongs to no caller.
        Some(cors) => router.layer(cors).layer(outside),
        None => router,
    }
}

async fn unknown_route() -> Problem {
    Problem::unknown_route()
}

async fn wrong_method() -> Problem {
    let detail = "This path does not take this method; Allow names those it takes.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// Background work that no request waits for, until `shutdown`: measures the projections, records when API keys were
/// used, empties the metrics' buffers, forgets idle clients, and now and then deletes records whose time has passed.
pub async fn run_background(app: App, shutdown: CancellationToken) {
    measure::describe();
    daybook_audit::measure::describe();
    let mut turn = interval(Duration::from_secs(5));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tidied = Instant::now();
    loop {
        tokio::select! {
            _ = turn.tick() => {}
            () = shutdown.cancelled() => return,
        }
        match timeout(MEASURING, status(&app.pool, &app.feed)).await {
            Ok(Ok(statuses)) => measure::status(&statuses),
            _ => debug!("the projections could not be measured"),
        }
        match timeout(MEASURING, daybook_audit::measure::status(&app.pool)).await {
            Ok(Ok(())) => {}
            _ => debug!("sealing could not be measured"),
        }
        match timeout(MEASURING, app.api_keys.record_uses()).await {
            Ok(Ok(())) => {}
            _ => debug!("when API keys were used could not be written down"),
        }
        match timeout(MEASURING, one_time::tidy(&app.pool)).await {
            Ok(Ok(_)) => {}
            _ => debug!("old one-time tokens could not be forgotten"),
        }
        if let Some(recorder) = &app.recorder {
            recorder.run_upkeep();
        }
        app.gateway.tidy();
        app.answers.measure();
        if tidied.elapsed() > TIDYING {
            tidied = Instant::now();
            tidy(&app).await;
        }
    }
}

async fn tidy(app: &App) {
    if let Err(error) = app.guessing.tidy().await {
        warn!(
            error = %Report::new(&error),
            "old counts of wrong passwords could not be dropped"
        );
    }
    if let Err(error) = app.security.expire().await {
        warn!(
            error = %Report::new(&error),
            "old security events could not be dropped"
        );
    }
    if let Err(error) = session::tidy(&app.pool).await {
        warn!(
            error = %Report::new(&error),
            "sessions that ended long ago could not be dropped"
        );
    }
}
