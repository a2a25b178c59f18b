//! Endpoints for operators and their machines. Outside of the API's base path and its limits.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use daybook_database::weakened_by;
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

/// It can serve requests: the database answers and keeps what is committed. A halted read model takes only what rests
/// on it out of service: it is named, so that somebody looks, and the server stays ready for the rest.
async fn readyz(State(app): State<App>) -> ApiResult<impl IntoResponse> {
    let looked = async {
        let weakened = weakened_by(&app.pool).await?;
        Ok::<_, Problem>((weakened, status(&app.pool, &app.feed).await?))
    };
    let Ok(looked) = timeout(PATIENCE, looked).await else {
        return Err(not_ready("The database does not answer."));
    };
    let (weakened, statuses) = looked?;
    if weakened.is_some() {
        return Err(not_ready(
            "PostgreSQL would lose in a crash what is committed; the log says why.",
        ));
    }
    let halted: Vec<&str> = statuses
        .iter()
        .filter(|status| status.state == ProjectionState::Halted)
        .map(|status| &*status.name)
        .collect();
    match halted.is_empty() {
        true => answer::json(&json!({"status": "ready"})),
        false => answer::json(&json!({"status": "ready", "halted": halted})),
    }
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
