//! The public keys that access tokens are checked with, for everyone who wants to check them too. Outside of the API's
//! base path, where such keys are expected (RFC 8615).

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;

use crate::answer;
use crate::app::App;
use crate::problem::ApiResult;

/// Shorter than the time from a key's publication until it signs, so that nobody gets a token whose key they cannot
/// know yet.
const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=30"),
    ),
    (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jwk-set+json"),
    ),
];

pub(crate) fn router() -> Router<App> {
    Router::new().route("/.well-known/jwks.json", get(jwks))
}

async fn jwks(State(app): State<App>) -> ApiResult {
    let mut response = answer::json(&app.callers.token_keys.published(app.now()))?;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
