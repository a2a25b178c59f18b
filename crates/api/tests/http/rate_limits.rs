use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use daybook_api::app::HttpConfig;
use daybook_api::auth::layers::limit_caller;
use daybook_api::auth::{Caller, Known};
use daybook_api::gateway::rate_limit::{Allowance, RateLimits};
use daybook_api::gateway::{ByClass, Class, Counting, Gateway, GatewaySettings, gateway};
use daybook_api::redis::Redis;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use futures::future::join_all;
use tower::ServiceExt;
use uuid::Uuid;

use crate::recorder::recorder;
use crate::redis::connected;
use crate::redis_server::RedisServer;
use crate::shop::{Reply, Shop, principal};

const LOGIN: &str = "/api/v1/users/login";

/// So few that none comes back while a test runs.
fn limited(by_address: u32, by_principal: u32) -> HttpConfig {
    HttpConfig {
        gateway: limits(by_address, by_principal),
        ..HttpConfig::default()
    }
}

fn limits(by_address: u32, by_principal: u32) -> GatewaySettings {
    let allowance = |requests: u32| Allowance {
        requests: requests.try_into().unwrap(),
        window: Duration::from_secs(1_000_000),
    };
    GatewaySettings {
        limits: Some(RateLimits {
            by_address: ByClass::all(allowance(by_address)),
            by_principal: ByClass::all(allowance(by_principal)),
        }),
        ..GatewaySettings::default()
    }
}

pub(crate) fn from(address: &str) -> ConnectInfo<SocketAddr> {
    ConnectInfo(SocketAddr::new(address.parse().unwrap(), 4711))
}

/// The gateway of one of several servers, before routes that need no database.
fn server(http: &GatewaySettings, redis: &Redis) -> Router {
    let state = Gateway::new(http, Some(redis.clone()));
    let signs_in = (
        Method::POST,
        LOGIN.to_owned(),
        Counting::failures(Class::SignIn),
    );
    let front = state.before([signs_in].into_iter().collect());
    Router::new()
        .route("/api/v1/products", get(|| async { "[]" }))
        .route(LOGIN, post(login))
        .layer(from_fn_with_state(state, limit_caller))
        .layer(from_fn(identify))
        .layer(from_fn_with_state(front, gateway))
}

async fn login(uri: Uri) -> StatusCode {
    match uri.query() {
        Some("right") => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// Believes every caller's own statement of who they are.
async fn identify(mut request: Request, next: Next) -> Response {
    if let Some(id) = request.headers().get("x-user") {
        let id: UserId = id.to_str().unwrap().parse().unwrap();
        request.extensions_mut().insert(Caller::Known(Known {
            principal: principal(id, [Role::User]),
            is_admin: false,
        }));
    }
    next.run(request).await
}

async fn send(
    server: &Router,
    method: &str,
    path: &str,
    address: &str,
    user: Option<UserId>,
) -> (u16, HeaderMap) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(user) = user {
        request = request.header("x-user", user.to_string());
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(from(address));
    let answer = server.clone().oneshot(request).await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

async fn query(server: &Router, address: &str, user: Option<UserId>) -> u16 {
    send(server, "GET", "/api/v1/products", address, user)
        .await
        .0
}

/// Sends 20 requests to each of two servers at once; returns how many are answered. The others are told to wait.
async fn answered(
    servers: &[Router; 2],
    address: impl Fn(usize) -> String,
    user: Option<UserId>,
) -> usize {
    let asked = (0..40).map(|n| {
        let address = address(n);
        async move { query(&servers[n % 2], &address, user).await }
    });
    let answers = join_all(asked).await;
    assert!(
        answers.iter().all(|status| matches!(status, 200 | 429)),
        "{answers:?}"
    );
    answers.into_iter().filter(|&status| status == 200).count()
}

#[tokio::test]
async fn who_is_known_is_limited_wherever_they_ask_from() {
    let shop = Shop::open_with(limited(1000, 3)).await;
    let (ann, ben) = (shop.customer().await, shop.customer().await);
    let ask = |token: &str, address: &str| shop.get("orders").token(token).extension(from(address));
    let first = ask(&ann.token, "192.0.2.1").await;
    assert_eq!(
        (first.header("ratelimit-policy"), first.header("ratelimit")),
        (
            "\"queries\";q=1000;w=1000000, \"queries-principal\";q=3;w=1000000",
            "\"queries\";r=999;t=1000, \"queries-principal\";r=2;t=333334"
        )
    );
    for address in ["192.0.2.2", "127.0.0.1"] {
        assert_eq!(ask(&ann.token, address).await.status, 200);
    }
    for address in ["192.0.2.3", "127.0.0.1"] {
        let limited = ask(&ann.token, address).await;
        assert_eq!(
            (limited.status.as_u16(), limited.code()),
            (429, "rate-limited".into())
        );
        assert!((1..=333_334).contains(&limited.header("retry-after").parse::<u64>().unwrap()));
        assert!(
            limited
                .header("ratelimit")
                .contains("\"queries-principal\";r=0;t=")
        );
    }
    assert_eq!(
        ask(&ben.token, "192.0.2.1").await.status,
        200,
        "others go on"
    );
    let anonymous: Reply = shop.get("products").extension(from("192.0.2.1")).await;
    assert_eq!(anonymous.status, 200);
    assert!(!anonymous.header("ratelimit-policy").contains("principal"));
}

#[tokio::test]
async fn servers_with_one_redis_allow_together_what_one_may() {
    let redis = RedisServer::start();
    let http = limits(10, 5);
    let (one, _tasks) = connected(&redis, b"shop").await;
    let (other, _more) = connected(&redis, b"shop").await;
    let servers = [server(&http, &one), server(&http, &other)];
    assert_eq!(
        answered(&servers, |_| "192.0.2.1".to_owned(), None).await,
        10
    );
    assert_eq!(
        answered(&servers, |_| "192.0.2.2".to_owned(), None).await,
        10
    );
    let user = Some(UserId::from(Uuid::now_v7()));
    let anywhere = |n| format!("198.51.100.{n}");
    assert_eq!(answered(&servers, anywhere, user).await, 5);
    let unlimited = query(&servers[0], "127.0.0.1", None).await;
    assert_eq!(unlimited, 200, "the machine itself is not limited");
    let (status, headers) = send(&servers[1], "GET", "/api/v1/products", "192.0.2.1", None).await;
    assert_eq!(
        (status, &headers["ratelimit"]),
        (429, &"\"queries\";r=0;t=1000000".parse().unwrap())
    );

    let (stranger, _tasks) = connected(&redis, b"another shop").await;
    let stranger = server(&http, &stranger);
    assert_eq!(
        query(&stranger, "192.0.2.1", None).await,
        200,
        "another shop counts for itself"
    );
}

#[tokio::test]
async fn without_redis_each_server_counts_by_itself_until_it_is_back() {
    let mut redis = RedisServer::start();
    let http = limits(10, 5);
    let (one, _tasks) = connected(&redis, b"shop").await;
    let (other, _more) = connected(&redis, b"shop").await;
    let servers = [server(&http, &one), server(&http, &other)];
    assert_eq!(
        answered(&servers, |_| "192.0.2.1".to_owned(), None).await,
        10
    );
    redis.kill();
    let without = answered(&servers, |_| "192.0.2.2".to_owned(), None).await;
    assert_eq!(without, 20, "ten at each");
    let measured = recorder().render();
    let fallbacks = measured
        .lines()
        .find_map(|line| line.strip_prefix("daybook_rate_limit_fallbacks_total "));
    assert!(
        fallbacks.unwrap().parse::<u64>().unwrap() >= 20,
        "{measured}"
    );
    redis.restart();
    one.up().await;
    other.up().await;
    assert_eq!(
        answered(&servers, |_| "192.0.2.3".to_owned(), None).await,
        10
    );
}

#[tokio::test]
async fn sign_ins_that_succeed_do_not_count_at_any_server() {
    let redis = RedisServer::start();
    let http = limits(3, 3);
    let (one, _tasks) = connected(&redis, b"shop").await;
    let (other, _more) = connected(&redis, b"shop").await;
    let servers = [server(&http, &one), server(&http, &other)];
    let sign_in = async |n: usize, password: &str| {
        let path = format!("{LOGIN}?{password}");
        send(&servers[n % 2], "POST", &path, "192.0.2.1", None)
            .await
            .0
    };
    for n in 0..10 {
        assert_eq!(sign_in(n, "right").await, 200);
    }
    let mut guesses = Vec::new();
    for n in 0..5 {
        guesses.push(sign_in(n, "wrong").await);
    }
    assert_eq!(guesses, [401, 401, 401, 429, 429]);
}

#[tokio::test]
async fn a_shop_counts_in_its_redis() {
    let server = RedisServer::start();
    let (redis, _tasks) = connected(&server, b"shop").await;
    let shop = Shop::open_sharing(limited(10, 5), Some(redis)).await;
    let token = shop.admin();
    let ask = || shop.get("users").token(&token).extension(from("192.0.2.1"));
    assert_eq!(ask().await.status, 200);
    let keys = server.keys("daybook:*:rate:*");
    assert_eq!(keys.len(), 2, "the address and the principal: {keys:?}");
}
