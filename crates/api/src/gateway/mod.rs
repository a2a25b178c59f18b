//! The gateway: what happens to every request, whatever its route. One layer around the router does this in order: give
//! the request an id and find its client's address, admit it (the address's rate limit, then room), run it within its
//! time limit and catch its panics, write the body of a problem, set the security headers, count and log it. Inside of
//! it, a second layer identifies the caller, and a third one applies the caller's rate limit. Outside of it, one layer
//! records refused requests in the security log, and another, only if it is configured, lets pages of other web origins
//! in.

mod class;
mod classes;
mod client_address;
pub mod cors;
mod failure;
mod headers;
pub mod measure;
mod observe;
pub mod rate_limit;
pub(crate) mod request_id;
mod room;
mod settings;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub use self::class::{ByClass, Class};
pub use self::classes::{Classes, Counting};
pub use self::client_address::{ClientAddress, TrustedProxies};
pub(crate) use self::failure::problem_code;
use self::headers::Guard;
pub(crate) use self::headers::secured;
use self::observe::Observation;
use self::rate_limit::{AdmittedRequest, RateLimiter, Verdict};
pub use self::request_id::RequestId;
pub use self::room::Capacity;
use self::room::Room;
pub use self::settings::GatewaySettings;
use crate::redis::Redis;

/// The prefix of all paths of the API.
pub const BASE: &str = "/api/v1";

#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

/// The gateway in front of routes that have declared what they do.
#[derive(Clone)]
pub struct Front(Arc<(Gateway, Classes)>);

struct Inner {
    rooms: ByClass<Room>,
    rate_limiter: Option<RateLimiter>,
    trusted_proxies: TrustedProxies,
    request_timeout: std::time::Duration,
    is_behind_https: bool,
}

impl Gateway {
    pub fn new(settings: &GatewaySettings, redis: Option<Redis>) -> Gateway {
        let limiter = |limits| RateLimiter::new(limits, redis);
        Gateway(Arc::new(Inner {
            rooms: settings.capacity.map(Room::new),
            rate_limiter: settings.limits.as_ref().map(limiter),
            trusted_proxies: settings.trusted_proxies.clone(),
            request_timeout: settings.request_timeout,
            is_behind_https: settings.is_behind_https,
        }))
    }

    /// What the layer is made with.
    pub fn before(&self, routes: Classes) -> Front {
        Front(Arc::new((self.clone(), routes)))
    }

    /// Forgets clients that were not heard of for a while.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.0.rate_limiter {
            limiter.tidy();
        }
    }

    /// What the outer layer knows of a request, for the layer that limits callers.
    pub(crate) fn take_admitted(
        &self,
        extensions: &mut Extensions,
    ) -> Option<(&RateLimiter, AdmittedRequest)> {
        let admitted = extensions.remove::<AdmittedRequest>()?;
        Some((self.0.rate_limiter.as_ref()?, admitted))
    }

    fn guard(&self, request: &Request) -> Guard {
        Guard::of(request, self.0.is_behind_https)
    }

    /// `counting` as in [`Classes::of`].
    async fn serve(
        &self,
        counting: Option<Counting>,
        mut request: Request,
        next: Next,
    ) -> Response {
        let client = request.extensions().get::<ClientAddress>().copied();
        let Some(Counting {
            class,
            only_failures,
        }) = counting
        else {
            return self.run(request, next).await;
        };
        let Some(limiter) = &self.0.rate_limiter else {
            return self.run_in_room(class, request, next).await;
        };
        let checked = client.map(|client| limiter.check_address(class, client));
        let verdict = checked.unwrap_or_default();
        if let Some(problem) = verdict.refused() {
            let mut response = problem.into_response();
            verdict.write(response.headers_mut());
            return response;
        }
        request.extensions_mut().insert(AdmittedRequest {
            class,
            client,
            verdict: verdict.clone(),
        });
        let mut response = self.run_in_room(class, request, next).await;
        if let Some(client) = client.filter(|_| only_failures && response.status().is_success()) {
            limiter.signed_in(client).await;
        }
        // The verdict of the inner layers, if the request got that far.
        let found = response.extensions_mut().remove::<Verdict>();
        found.unwrap_or(verdict).write(response.headers_mut());
        response
    }

    async fn run_in_room(&self, class: Class, request: Request, next: Next) -> Response {
        match self.0.rooms.get(class).enter().await {
            Ok(_slot) => self.run(request, next).await,
            Err(full) => full.into_response(),
        }
    }

    async fn run(&self, request: Request, next: Next) -> Response {
        failure::contained(self.0.request_timeout, next.run(request)).await
    }
}

/// The layer's function, for `axum::middleware::from_fn_with_state`.
pub async fn gateway(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let (gateway, classes) = &*front.0;
    let observation = Observation::begin(&mut request);
    let guard = gateway.guard(&request);
    let client = ClientAddress::of(&request, &gateway.0.trusted_proxies);
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let counting = classes.of(&request);
    let response = gateway.serve(counting, request, next).await;
    let mut response = failure::written_out(response, observation.path(), observation.request_id());
    if let Some(client) = client {
        // For outer layers that record who was refused.
        response.extensions_mut().insert(client);
    }
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

    fn front(config: &GatewaySettings) -> Front {
        Gateway::new(config, None).before(Classes::default())
    }

    async fn ask(config: GatewaySettings, path: &str) -> (u16, HeaderMap, Value) {
        let router = Router::new()
            .route(
                "/api/v1/panic",
                get(|| async { panic!("a secret") as &str }),
            )
            .route("/api/v1/never", get(std::future::pending::<&str>))
            .route("/api/v1/fine", get(|| async { "{}" }))
            .route("/healthz", get(|| async { "{}" }))
            .layer(from_fn_with_state(front(&config), gateway));
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
        let (status, headers, body) = ask(GatewaySettings::default(), "/api/v1/panic").await;
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
        let config = GatewaySettings {
            request_timeout: Duration::from_millis(20),
            ..GatewaySettings::default()
        };
        let (status, headers, body) = ask(config, "/api/v1/never").await;
        assert_eq!((status, body["code"].as_str()), (503, Some("timeout")));
        assert!(headers.contains_key("retry-after"));
    }

    #[tokio::test]
    async fn a_full_house_says_so_but_not_to_operators() {
        let config = GatewaySettings {
            capacity: ByClass::all(Capacity {
                running: 0,
                waiting: 0,
                patience: Duration::ZERO,
            }),
            ..GatewaySettings::default()
        };
        let (status, headers, body) = ask(config.clone(), "/api/v1/fine").await;
        assert_eq!((status, body["code"].as_str()), (503, Some("overloaded")));
        assert!(headers.contains_key("retry-after"));
        assert_eq!(ask(config, "/healthz").await.0, 200);
    }

    #[tokio::test]
    async fn room_is_given_back_whatever_happens() {
        let config = GatewaySettings {
            capacity: ByClass::all(Capacity {
                running: 1,
                waiting: 0,
                patience: Duration::ZERO,
            }),
            request_timeout: Duration::from_millis(20),
            ..GatewaySettings::default()
        };
        let state = front(&config);
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
