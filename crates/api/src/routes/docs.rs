//! The OpenAPI document, and a page for people. Neither is part of the document.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::openapi;

const DOCUMENT: &str = "/api/v1/openapi.json";

static BYTES: LazyLock<Bytes> = LazyLock::new(|| {
    // The document is a tree of strings, which always serialises.
    serde_json::to_vec(&openapi::document())
        .unwrap_or_default()
        .into()
});

pub(crate) fn router() -> Router<App> {
    let page = SwaggerUi::new("/docs").config(Config::from(DOCUMENT));
    Router::new().route(DOCUMENT, get(document)).merge(page)
}

async fn document() -> impl IntoResponse {
    (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        BYTES.clone(),
    )
}
