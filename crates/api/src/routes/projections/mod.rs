//! How the read models stand, and operating them.

mod act;
mod answer;
mod build;
mod named;
mod progress;
mod record;
mod refusal;

use axum::extract::State;
use axum::response::IntoResponse;
use daybook_projections::operate::last_outcomes;
use daybook_projections::{StatusError, status, status_of};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::answer::ProjectionAnswer;
use self::named::{NameParam, Named};
use crate::answer::json;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, of_database};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_projections))
        .routes(routes!(get_projection))
        .routes(routes!(act::pause))
        .routes(routes!(act::resume))
        .routes(routes!(act::reset))
        .routes(routes!(act::retry))
        .routes(routes!(act::skip))
        .routes(routes!(build::rebuild))
        .routes(routes!(build::verify))
        .routes(routes!(build::rollback))
        .routes(routes!(progress::watch))
        .routes(routes!(record::dead_letters))
        .routes(routes!(record::actions))
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
    let mut outcomes = last_outcomes(&app.pool)
        .await
        .map_err(|e| of_database(&e))?;
    let answers: Vec<ProjectionAnswer> = statuses
        .into_iter()
        .map(|status| {
            let last_build = outcomes.remove(&status.name);
            ProjectionAnswer::of(status, last_build)
        })
        .collect();
    Ok(json(&answers)?.into_response())
}

/// One read model.
#[utoipa::path(
    get, path = "/api/v1/projections/{name}", operation_id = "getProjection", tag = "operations",
    params(NameParam), security(("bearer" = ["admin"])),
    responses((status = 200, description = "The read model", body = ProjectionAnswer)),
)]
async fn get_projection(
    State(app): State<App>,
    _: Admin,
    Named(projection): Named,
    min_position: MinPosition,
) -> ApiResult {
    min_position.reached_by_the_log(&app).await?;
    json(&look(&app, projection.name()).await?)
}

/// How a projection stands now.
async fn look(app: &App, name: &str) -> ApiResult<ProjectionAnswer> {
    let found = status_of(&app.pool, &app.feed, name).await?;
    let status = found.ok_or_else(Problem::nothing_here)?;
    let mut outcomes = last_outcomes(&app.pool)
        .await
        .map_err(|e| of_database(&e))?;
    Ok(ProjectionAnswer::of(status, outcomes.remove(name)))
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Problem {
        match error {
            StatusError::Database(error) => of_database(&error),
            StatusError::Log(error) => error.into(),
        }
    }
}
