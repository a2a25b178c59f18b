//! The state of the read models, and operating them.

mod act;
mod answer;
mod begin;
mod named;
mod progress;
mod record;
mod refusal;

use axum::extract::State;
use axum::response::IntoResponse;
use daybook_projections::operate::last_outcomes;
use daybook_projections::{StatusError, status, status_of};
use utoipa_axum::routes;

use self::answer::ProjectionAnswer;
use self::named::{NameParam, Named};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Admin, Effect, Routes};
use crate::extract::MinPosition;
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Admin, Effect::Reads, routes!(list_projections))
        .open_to(Access::Admin, Effect::Reads, routes!(get_projection))
        .open_to(Access::Admin, Effect::Changes, routes!(act::pause))
        .open_to(Access::Admin, Effect::Changes, routes!(act::resume))
        .open_to(Access::Admin, Effect::Changes, routes!(act::reset))
        .open_to(Access::Admin, Effect::Changes, routes!(act::retry))
        .open_to(Access::Admin, Effect::Changes, routes!(act::skip))
        .open_to(
            Access::Admin,
            Effect::Changes,
            routes!(begin::begin_rebuild),
        )
        .open_to(
            Access::Admin,
            Effect::Changes,
            routes!(begin::begin_verification),
        )
        .open_to(
            Access::Admin,
            Effect::Changes,
            routes!(begin::begin_rollback),
        )
        .open_to(Access::Admin, Effect::Reads, routes!(progress::watch))
        .open_to(Access::Admin, Effect::Reads, routes!(record::dead_letters))
        .open_to(Access::Admin, Effect::Reads, routes!(record::actions))
}

/// Every read model and how far behind the log it is.
#[utoipa::path(
    get, path = "/api/v1/projections", operation_id = "listProjections", tag = "operations",
    responses((status = 200, description = "The read models", body = Vec<ProjectionAnswer>)),
)]
async fn list_projections(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
) -> ApiResult {
    min_position.reached_by_the_log(&app).await?;
    let statuses = status(&app.pool, &app.feed).await?;
    let mut outcomes = last_outcomes(&app.pool).await?;
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
    params(NameParam),
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

/// The present state of a projection.
async fn look(app: &App, name: &str) -> ApiResult<ProjectionAnswer> {
    let found = status_of(&app.pool, &app.feed, name).await?;
    let status = found.ok_or_else(Problem::nothing_here)?;
    let mut outcomes = last_outcomes(&app.pool).await?;
    Ok(ProjectionAnswer::of(status, outcomes.remove(name)))
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Problem {
        match error {
            StatusError::Database(error) => error.into(),
            StatusError::Log(error) => error.into(),
        }
    }
}
