//! Endpoints for operators and their machines. Outside of the API's base path and its limits.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use daybook_projections::{ProjectionState, status};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::time::timeout;

use crate::answer;
use crate::app::App;
use crate::problem::{ApiResult, Problem};

const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(prometheus))
}

/// The process is running.
async fn healthz() -> ApiResult<impl IntoResponse> {
    answer::json(&json!({"status": "ok"}))
}

/// It can serve requests: the database answers and no read model is halted.
async fn readyz(State(app): State<App>) -> ApiResult<impl IntoResponse> {
    let statuses = match timeout(PATIENCE, status(&app.pool, &app.feed)).await {
        Ok(statuses) => statuses?,
        Err(_) => return Err(not_ready("The database does not answer.")),
    };
    if statuses
        .iter()
        .any(|status| status.state == ProjectionState::Halted)
    {
        return Err(not_ready(
            "A read model is halted; GET /api/v1/projections says which and why.",
        ));
    }
    answer::json(&json!({"status": "ready"}))
}

fn not_ready(detail: &'static str) -> Problem {
    Problem::unavailable("not-ready", detail, 1)
}

async fn prometheus(State(app): State<App>) -> Response {
    let recorder = app.recorder.as_ref();
    let text = recorder.map(PrometheusHandle::render).unwrap_or_default();
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
