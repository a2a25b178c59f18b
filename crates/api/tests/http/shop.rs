//! A whole shop in one process, on a database of its own; requests go directly to its router.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::Utc;
use daybook_accounts::erasure::Erasures;
use daybook_accounts::{Accounts, AccountsParts};
use daybook_api::app::{App, AppParts, HttpConfig};
use daybook_api::auth::Callers;
use daybook_api::gateway::GatewaySettings;
use daybook_api::redis::Redis;
use daybook_api::router;
use daybook_audit::{Sealer, SealerConfig, SigningKey};
use daybook_commands::{BusTasks, CommandBus, RegisterUser};
use daybook_database::MIGRATOR;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::api_key::ApiKeys;
use daybook_identity::guessing::Guessing;
use daybook_identity::oidc::Provider;
use daybook_identity::security::SecurityLog;
use daybook_identity::session::Lifetimes;
use daybook_identity::{Means, Principal, Revocations};
use daybook_log::{Codec, Feed, Secrets};
use daybook_private_postgres::testing::TestDatabase;
use daybook_processes::outbox::Outbox;
use daybook_projections::{ProgressTracker, ProjectorConfig, ReadModels};
use daybook_usage::UsageStore;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use crate::recorder::recorder;

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Shop {
    pub(crate) router: Router,
    pub(crate) pool: PgPool,
    pub(crate) app: App,
    pub(crate) outbox: Outbox,
    pub(crate) keys: TokenKeys,
    /// The key pair that signs access tokens: PKCS#8, DER.
    pub(crate) token_key: Vec<u8>,
    pub(crate) database: Arc<TestDatabase>,
    checkpoint_key: SecretString,
    pub(crate) admin_id: UserId,
    shutdown: CancellationToken,
    _tasks: JoinSet<()>,
    _bus_tasks: BusTasks,
}

/// The first server of a database, which registers its admin, or another one, which is given the admin's id.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    First,
    Another(UserId),
    /// A server that does not hear of projectors' commits, and so caches no lists.
    Deaf(UserId),
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Tests send more requests than anybody may.
pub(crate) fn without_rate_limits() -> HttpConfig {
    HttpConfig {
        gateway: GatewaySettings {
            limits: None,
            ..GatewaySettings::default()
        },
        ..HttpConfig::default()
    }
}

/// The first event of every shop here: an admin must be one by the log.
async fn register_admin(commands: &CommandBus) -> UserId {
    let id = UserId::from(Uuid::now_v7());
    let command = RegisterUser {
        id,
        email: "admin@example.com".parse().unwrap(),
        first_name: "Grace".to_owned(),
        last_name: "Hopper".to_owned(),
        roles: [Role::User, Role::Admin].into(),
    };
    let registered = commands.send_as_system("test", Utc::now(), command).await;
    registered.unwrap().outcome.unwrap();
    id
}

impl Shop {
    pub(crate) async fn open() -> Shop {
        Shop::open_with(without_rate_limits()).await
    }

    pub(crate) async fn open_with(http: HttpConfig) -> Shop {
        Shop::open_beside(http, None, None).await
    }

    /// With a Redis that other servers may use, too.
    pub(crate) async fn open_sharing(http: HttpConfig, redis: Option<Redis>) -> Shop {
        Shop::open_beside(http, redis, None).await
    }

    /// With an identity provider at which staff may sign in, too.
    pub(crate) async fn open_beside(
        http: HttpConfig,
        redis: Option<Redis>,
        oidc: Option<Provider>,
    ) -> Shop {
        let database = Arc::new(TestDatabase::create(&MIGRATOR).await.unwrap());
        Shop::open_on(database, Server::First, http, redis, oidc).await
    }

    /// Another server of this shop.
    pub(crate) async fn beside(&self, server: fn(UserId) -> Server, redis: Option<Redis>) -> Shop {
        let http = without_rate_limits();
        let server = server(self.admin_id);
        Shop::open_on(Arc::clone(&self.database), server, http, redis, None).await
    }

    async fn open_on(
        database: Arc<TestDatabase>,
        server: Server,
        http: HttpConfig,
        redis: Option<Redis>,
        oidc: Option<Provider>,
    ) -> Shop {
        let pool = database.server_pool().unwrap();
        let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[7; 32])));
        let (commands, bus_tasks) = CommandBus::start(pool.clone(), codec.clone());
        let admin_id = match server {
            Server::First => register_admin(&commands).await,
            Server::Another(admin_id) | Server::Deaf(admin_id) => admin_id,
        };
        let feed = Feed::new(pool.clone(), codec);
        let progress = ProgressTracker::new();
        let token_key = TokenKeys::generate().unwrap();
        let keys = TokenKeys::from_pkcs8(&token_key).unwrap();
        let checkpoint_key = SigningKey::generate("shop").unwrap();
        let revocations = Revocations::new(pool.clone());
        let erasures = Erasures::new(commands.clone());
        let security = SecurityLog::new(pool.clone());
        let read_models = ReadModels::new(pool.clone(), progress.clone());
        let outbox = Outbox::new(pool.clone(), feed.codec().clone());
        let usage = UsageStore::new(pool.clone());
        let exports = Arc::new(Semaphore::new(8));
        let (accounts, forgotten) = Accounts::new(AccountsParts {
            commands: commands.clone(),
            read_models: read_models.clone(),
            feed: feed.clone(),
            pool: pool.clone(),
            outbox: outbox.clone(),
            guessing: Guessing::new(pool.clone()),
            security: security.clone(),
            revocations: revocations.clone(),
            erasures: erasures.clone(),
            token_keys: keys.clone(),
            usage: usage.clone(),
            exports: Arc::clone(&exports),
            sessions: Lifetimes::default(),
            access_token_ttl: Duration::from_secs(15 * 60),
            patience: http.read_your_writes_timeout,
        });
        let callers = Callers {
            api_keys: ApiKeys::new(pool.clone()),
            token_keys: keys.clone(),
            revocations: revocations.clone(),
            erasures,
            commands: commands.clone(),
        };
        let app = App::new(AppParts {
            commands,
            read_models,
            feed: feed.clone(),
            pool: pool.clone(),
            usage,
            accounts,
            callers,
            security: security.clone(),
            exports,
            oidc,
            checkpoint_keys: vec![checkpoint_key.verifier().clone()],
            redis,
            recorder: Some(recorder().clone()),
            http,
        });
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stop = shutdown.clone();
        tasks.spawn(async move { security.run(stop).await });
        let (stop, tracked) = (shutdown.clone(), pool.clone());
        if !matches!(server, Server::Deaf(_)) {
            tasks.spawn(async move { progress.run(tracked, stop).await });
        }
        let (stop, heard) = (shutdown.clone(), database.server_pool().unwrap());
        tasks.spawn(async move { revocations.run(heard, stop).await });
        let (stop, projected) = (shutdown.clone(), database.server_pool().unwrap());
        let config = ProjectorConfig {
            poll_interval: Duration::from_millis(50),
            ..ProjectorConfig::default()
        };
        tasks.spawn(daybook_projections::run(feed, projected, config, stop));
        tasks.spawn(forgotten.answer(shutdown.clone()));
        Shop {
            router: router(app.clone()),
            pool,
            app,
            outbox,
            keys,
            token_key,
            database,
            checkpoint_key: checkpoint_key.to_text().unwrap(),
            admin_id,
            shutdown,
            _tasks: tasks,
            _bus_tasks: bus_tasks,
        }
    }

    /// Seals the log as long as the returned value lives.
    pub(crate) fn seal(&self) -> JoinSet<()> {
        let key = SigningKey::from_text(&self.checkpoint_key).unwrap();
        let trusted = vec![key.verifier().clone()];
        let pool = self.database.server_pool().unwrap();
        let sealer = Sealer::new(pool, vec![key], trusted, SealerConfig::default()).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(sealer.run(self.shutdown.clone()));
        tasks
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A path that begins with a slash is used as it is; any other is below the API's base.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/v1/{path}")
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        Call {
            router: self.router.clone(),
            request,
        }
    }

    /// Somebody who may do everything.
    pub(crate) fn admin(&self) -> String {
        self.token(self.admin_id, [Role::User, Role::Admin])
    }

    pub(crate) async fn another_admin(&self) -> String {
        let body = json!({"email": "boss@example.com", "password": PASSWORD, "firstName": "Ann",
                          "lastName": "Lee", "roles": ["admin"]});
        let made = self.post("users").token(&self.admin()).json(&body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().unwrap().parse().unwrap();
        self.token(id, [Role::Admin])
    }

    pub(crate) fn token<const N: usize>(&self, id: UserId, roles: [Role; N]) -> String {
        self.token_of(&principal(id, roles))
    }

    pub(crate) fn token_of(&self, principal: &Principal) -> String {
        let ttl = Duration::from_secs(900);
        self.keys.sign(principal, Utc::now(), ttl).unwrap()
    }

    pub(crate) async fn customer(&self) -> Customer {
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let body =
            json!({"email": email, "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"});
        let registered = self.post("users/register").json(&body).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let id = registered.json()["id"].as_str().unwrap().to_owned();
        let token = self.token(id.parse().unwrap(), [Role::User]);
        Customer { id, email, token }
    }

    /// Creates a product that is already visible to everybody; returns its id.
    pub(crate) async fn product(&self, price: &str, stock: u64) -> String {
        let body = format!(r#"{{"name": "Teapot", "price": {price}, "stock": {stock}}}"#);
        let made = self.post("products").token(&self.admin()).raw(body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let seen = self.get(&format!("products/{id}")).after(&made).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        id
    }

    pub(crate) async fn stock(&self, product: &str, after: &Reply) -> i64 {
        self.get(&format!("products/{product}"))
            .after(after)
            .await
            .json()["stock"]
            .as_i64()
            .unwrap()
    }
}

/// Somebody whose tokens were never revoked.
pub(crate) fn principal<const N: usize>(user_id: UserId, roles: [Role; N]) -> Principal {
    Principal {
        user_id,
        roles: roles.into(),
        means: Means::Session {
            id: Uuid::now_v7(),
            generation: 0,
        },
    }
}

pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

/// A request that is sent by awaiting it.
pub(crate) struct Call {
    router: Router,
    request: Request<Body>,
}

impl Call {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Call {
        self.request
            .headers_mut()
            .append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn token(self, token: &str) -> Call {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn key(self, key: &str) -> Call {
        self.header("idempotency-key", key)
    }

    /// Asks for a position that includes the change which `reply` answers.
    pub(crate) fn after(self, reply: &Reply) -> Call {
        self.header("daybook-min-position", &reply.position().to_string())
    }

    pub(crate) fn json(self, body: &Value) -> Call {
        self.raw(body.to_string())
    }

    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Call {
        *self.request.body_mut() = Body::from(body.into());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Call {
        *self.request.body_mut() = Body::from(body.into());
        self
    }

    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Call {
        self.request.extensions_mut().insert(extension);
        self
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let response = self.router.oneshot(self.request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Reply {
                status: parts.status,
                headers: parts.headers,
                body,
            }
        })
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn position(&self) -> i64 {
        self.header("daybook-position").parse().unwrap()
    }

    /// Checks that the answer is a problem; returns its code.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(
            body["type"],
            format!("/problems/{}", body["code"].as_str().unwrap())
        );
        assert!(!body["title"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        assert!(body["instance"].as_str().unwrap().starts_with('/'));
        body["code"].as_str().unwrap().to_owned()
    }

    /// The status, code and first invalid field of the answer, which must be a problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String, String) {
        let pointer = self.json()["errors"][0]["pointer"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (self.status.as_u16(), self.code(), pointer)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {:?} {}",
            self.status,
            self.headers,
            String::from_utf8_lossy(&self.body)
        )
    }
}
