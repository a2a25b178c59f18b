//! How the read models stand.

use axum::extract::State;
use axum::response::IntoResponse;
use daybook_projections::{ProjectionState, ProjectionStatus, StatusError, status};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::json;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, of_database};
use crate::problem::{ApiResult, Problem};
use crate::timestamp::Timestamp;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_projections))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Projection)]
struct ProjectionAnswer {
    name: String,
    version: i32,
    /// Of the last event in the read model.
    position: i64,
    /// Of the last event in the log.
    head: i64,
    /// Events between the two.
    lag: i64,
    /// How long the oldest of them has been waiting.
    lag_seconds: f64,
    #[schema(value_type = StateName)]
    state: ProjectionState,
    /// Who projects it; null when nobody does.
    worker: Option<String>,
    /// What a halted projector could not get past.
    #[schema(value_type = Option<Object>)]
    error: Option<serde_json::Value>,
    updated_at: Timestamp,
}

#[derive(ToSchema)]
#[schema(as = ProjectionState, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only describes the projections' type")]
enum StateName {
    Live,
    CatchingUp,
    Halted,
}

/// Every read model and how far behind the log it is.
#[utoipa::path(
    get, path = "/api/v1/projections", operation_id = "listProjections", tag = "operations",
    security(("bearer" = ["admin"])),
    responses((status = 200, description = "The read models", body = Vec<ProjectionAnswer>)),
)]
async fn list_projections(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
) -> ApiResult {
    min_position.reached_by_the_log(&app).await?;
    let statuses = status(&app.pool, &app.feed).await?;
    let answers: Vec<ProjectionAnswer> = statuses.into_iter().map(ProjectionAnswer::from).collect();
    Ok(json(&answers)?.into_response())
}

impl From<ProjectionStatus> for ProjectionAnswer {
    fn from(status: ProjectionStatus) -> ProjectionAnswer {
        ProjectionAnswer {
            name: status.name,
            version: status.version,
            position: status.position,
            head: status.head,
            lag: status.lag_events,
            lag_seconds: status.lag_seconds,
            state: status.state,
            worker: status.worker,
            error: status.error,
            updated_at: status.updated_at.into(),
        }
    }
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Problem {
        match error {
            StatusError::Database(error) => of_database(&error),
            StatusError::Log(error) => error.into(),
        }
    }
}
