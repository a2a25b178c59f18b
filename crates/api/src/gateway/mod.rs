//! The gateway: what happens to every request, whatever its route. One layer around the router does it in this
//! order: name the request, admit it (rate limit, then room), run it within its time and catch its panics, write
//! out the problem it ended in, tell browsers what to keep to, count and log it. A second one, inside, finds out who
//! is asking. A third, outside and only where it is asked for, lets other origins' pages in.

pub mod cors;
mod failure;
mod headers;
mod identify;
mod observe;
pub mod rate_limit;
mod request_id;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use self::headers::Guard;
pub(crate) use self::headers::secured;
pub(crate) use self::identify::identify;
use self::observe::Observation;
use self::rate_limit::{Class, RateLimiter};
pub use self::request_id::RequestId;
use crate::app::HttpConfig;
use crate::problem::Problem;

#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    room: Semaphore,
    rate_limiter: Option<RateLimiter>,
    request_timeout: std::time::Duration,
    https: bool,
}

impl Gateway {
    pub fn new(config: &HttpConfig) -> Gateway {
        Gateway(Arc::new(Inner {
            room: Semaphore::new(config.max_in_flight),
            rate_limiter: config.rate_limits.then(|| RateLimiter::new(&config.limits)),
            request_timeout: config.request_timeout,
            https: config.https,
        }))
    }

    /// Forgets clients that were not heard of for a while.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.0.rate_limiter {
            limiter.tidy();
        }
    }

    fn guard(&self, request: &Request) -> Guard {
        Guard::of(request, self.0.https)
    }

    async fn serve(&self, request: Request, next: Next) -> Response {
        let Some(class) = Class::of(request.method(), request.uri().path()) else {
            return self.run(request, next).await;
        };
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        let (Some(limiter), Some(peer)) = (&self.0.rate_limiter, peer) else {
            return self.run_in_room(request, next).await;
        };
        let verdict = limiter.check(class, peer);
        let mut response = match verdict.refused() {
            Some(problem) => problem.into_response(),
            None => self.run_in_room(request, next).await,
        };
        if response.status().is_success() {
            limiter.succeeded(class, peer);
        }
        verdict.write(response.headers_mut());
        response
    }

    async fn run_in_room(&self, request: Request, next: Next) -> Response {
        match self.0.room.try_acquire() {
            Ok(_permit) => self.run(request, next).await,
            Err(_) => Problem::unavailable(
                "overloaded",
                "Too many requests are being served; nothing was done.",
                1,
            )
            .into_response(),
        }
    }

    async fn run(&self, request: Request, next: Next) -> Response {
        failure::contained(self.0.request_timeout, next.run(request)).await
    }
}

/// The layer's function, for `axum::middleware::from_fn_with_state`.
pub async fn gateway(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    let observation = Observation::begin(&mut request);
    let guard = gateway.guard(&request);
    let response = gateway.serve(request, next).await;
    let mut response = failure::written_out(response, observation.path(), observation.request_id());
    guard.secure(&mut response);
    observation.end(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::HeaderMap;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn ask(config: HttpConfig, path: &str) -> (u16, HeaderMap, Value) {
        let router = Router::new()
            .route(
                "/api/v1/panic",
                get(|| async { panic!("a secret") as &str }),
            )
            .route("/api/v1/never", get(std::future::pending::<&str>))
            .route("/api/v1/fine", get(|| async { "{}" }))
            .route("/healthz", get(|| async { "{}" }))
            .layer(from_fn_with_state(Gateway::new(&config), gateway));
        let request = Request::builder()
            .uri(path)
            .header("x-request-id", "r-1")
            .body(Body::empty());
        let response = router.oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            serde_json::from_slice(&body).unwrap(),
        )
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_reveals_nothing() {
        let (status, headers, body) = ask(HttpConfig::default(), "/api/v1/panic").await;
        assert_eq!(
            (status, body["code"].as_str()),
            (500, Some("internal-error"))
        );
        assert_eq!(body["requestId"], "r-1");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(!body.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn a_request_has_its_time() {
        let config = HttpConfig {
            request_timeout: Duration::from_millis(20),
            ..HttpConfig::default()
        };
        let (status, headers, body) = ask(config, "/api/v1/never").await;
        assert_eq!((status, body["code"].as_str()), (503, Some("timeout")));
        assert!(headers.contains_key("retry-after"));
    }

    #[tokio::test]
    async fn a_full_house_says_so_but_not_to_operators() {
        let config = HttpConfig {
            max_in_flight: 0,
            ..HttpConfig::default()
        };
        let (status, headers, body) = ask(config.clone(), "/api/v1/fine").await;
        assert_eq!((status, body["code"].as_str()), (503, Some("overloaded")));
        assert!(headers.contains_key("retry-after"));
        assert_eq!(ask(config, "/healthz").await.0, 200);
    }

    #[tokio::test]
    async fn room_is_given_back_whatever_happens() {
        let config = HttpConfig {
            max_in_flight: 1,
            request_timeout: Duration::from_millis(20),
            ..HttpConfig::default()
        };
        let state = Gateway::new(&config);
        let router = Router::new()
            .route("/api/v1/panic", get(|| async { panic!("again") as &str }))
            .route("/api/v1/never", get(std::future::pending::<&str>))
            .route("/api/v1/fine", get(|| async { "{}" }))
            .layer(from_fn_with_state(state, gateway));
        for (path, status) in [
            ("panic", 500),
            ("never", 503),
            ("fine", 200),
            ("panic", 500),
            ("fine", 200),
        ] {
            let request = Request::builder()
                .uri(format!("/api/v1/{path}"))
                .body(Body::empty())
                .unwrap();
            assert_eq!(
                router.clone().oneshot(request).await.unwrap().status(),
                status,
                "{path}"
            );
        }
    }
}
