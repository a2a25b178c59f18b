//! The actions that take effect at once.

use axum::extract::State;
use daybook_log::Position;
use daybook_projections::operate::{self, Operator, Reason};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;

use super::answer::ProjectionAnswer;
use super::look;
use super::named::{NameParam, Named};
use super::refusal::of_reason;
use crate::answer::json;
use crate::app::App;
use crate::auth::Admin;
use crate::bounds::{line, or_null};
use crate::extract::Json;
use crate::problem::{ApiResult, Problem};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    #[schema(schema_with = maybe_why)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SkipBody {
    /// Of the event that the projector is halted at.
    #[schema(minimum = 1)]
    position: i64,
    #[schema(schema_with = why)]
    reason: String,
}

fn why() -> ObjectBuilder {
    line::<{ Reason::MAX_CHARACTERS }>().description(Some("For whoever reads it later."))
}

pub(super) fn maybe_why() -> ObjectBuilder {
    or_null(why())
}

/// Holds a projector; its read model is answered from as it is.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/pause", operation_id = "pauseProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 200, description = "As it stands now", body = ProjectionAnswer),
        (status = 409, description = "It is paused or halted already"),
    ),
)]
pub(super) async fn pause(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let reason = body.value.reason()?;
    operate::pause(&app.pool, &*projection, &operator(admin), reason.as_ref()).await?;
    json(&look(&app, projection.name()).await?)
}

/// Lets a paused projector go on.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/resume", operation_id = "resumeProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 200, description = "As it stands now", body = ProjectionAnswer),
        (status = 409, description = "It is not paused"),
    ),
)]
pub(super) async fn resume(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let reason = body.value.reason()?;
    operate::resume(&app.pool, &*projection, &operator(admin), reason.as_ref()).await?;
    json(&look(&app, projection.name()).await?)
}

/// Empties a read model and fills it again from the first event, before its readers' eyes.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/reset", operation_id = "resetProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 200, description = "As it stands now", body = ProjectionAnswer),
        (status = 409, description = "It is being built, or was made by a later version"),
    ),
)]
pub(super) async fn reset(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let reason = body.value.reason()?;
    operate::reset(&app.pool, &*projection, &operator(admin), reason.as_ref()).await?;
    json(&look(&app, projection.name()).await?)
}

/// Has a halted projector try again.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/retry", operation_id = "retryProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 200, description = "As it stands now", body = ProjectionAnswer),
        (status = 409, description = "It is not halted"),
    ),
)]
pub(super) async fn retry(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let reason = body.value.reason()?;
    operate::retry(&app.pool, &*projection, &operator(admin), reason.as_ref()).await?;
    json(&look(&app, projection.name()).await?)
}

/// Has a halted projector pass over the event that it is halted at, for good.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/skip", operation_id = "skipEvent", tag = "operations",
    params(NameParam), request_body = SkipBody,
    responses(
        (status = 200, description = "As it stands now", body = ProjectionAnswer),
        (status = 409, description = "It is not halted, or at another event"),
    ),
)]
pub(super) async fn skip(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<SkipBody>,
) -> ApiResult {
    let (position, reason) = body.value.checked()?;
    operate::skip(&app.pool, &*projection, position, &operator(admin), &reason).await?;
    json(&look(&app, projection.name()).await?)
}

pub(super) fn operator(admin: Admin) -> Operator {
    Operator::of_shop(&admin.actor())
}

impl ReasonBody {
    pub(super) fn reason(&self) -> ApiResult<Option<Reason>> {
        optional_reason(self.reason.as_deref())
    }
}

pub(super) fn optional_reason(text: Option<&str>) -> ApiResult<Option<Reason>> {
    text.map(str::parse).transpose().map_err(of_reason)
}

impl SkipBody {
    fn checked(&self) -> ApiResult<(Position, Reason)> {
        if self.position < 1 {
            let detail = "Positions begin with 1.";
            return Err(Problem::invalid_field("/position", "out-of-range", detail));
        }
        Ok((self.position, self.reason.parse().map_err(of_reason)?))
    }
}
