//! The OpenAPI document, and a page for people. Neither is part of the document.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;

const DOCUMENT: &str = "/api/v1/openapi.json";

/// `document` is the OpenAPI document.
pub(crate) fn router(document: &OpenApi) -> Router<App> {
    // A tree of strings, which always serialises.
    let bytes = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let page = SwaggerUi::new("/docs").config(Config::from(DOCUMENT));
    let content_type = HeaderValue::from_static("application/json");
    let answer = move || async move { ([(header::CONTENT_TYPE, content_type)], bytes) };
    Router::new().route(DOCUMENT, get(answer)).merge(page)
}
