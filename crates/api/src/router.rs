//! All routes with the layers before them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;

use crate::app::App;
use crate::auth::layers::{denials, identify, limit_caller};
use crate::gateway::{cors, gateway, secured};
use crate::problem::Problem;
use crate::{openapi, routes};

/// A request passes the layers from the last to the first that is added here.
pub fn router(app: App) -> Router {
    let (api, classes) = openapi::described();
    let (api, document) = api.split_for_parts();
    let body_limit = DefaultBodyLimit::max(app.http.body_limit);
    let front = from_fn_with_state(app.gateway.before(classes), gateway);
    let cors = cors::layer(&app.http.cors_origins);
    let outside = from_fn_with_state(app.gateway.clone(), secured);
    let router = api
        .merge(routes::operations::router())
        .merge(routes::jwks::router())
        .merge(routes::docs::router(&document))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(body_limit)
        .layer(from_fn_with_state(app.gateway.clone(), limit_caller))
        .layer(from_fn_with_state(app.callers.clone(), identify))
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
