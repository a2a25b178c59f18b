//! The public keys that access tokens are checked with, for whoever wants to check them too. Outside the API's base,
//! where such keys are looked for (RFC 8615).

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;

use crate::answer;
use crate::app::App;
use crate::problem::ApiResult;

/// Less than a key is known before it signs, so that nobody meets a token whose key they have no chance to know.
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
