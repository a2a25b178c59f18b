//! Work that takes a while: it is started here, and continues after the answer.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use daybook_projections::operate::{self, Instruction};
use daybook_projections::projection::Projection;
use daybook_projections::rebuild::{Anew, BuildError, BuildProgress, Builder, Built, Purpose};
use error_reporter::Report;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use super::act::{ReasonBody, maybe_why, operator, optional_reason};
use super::named::{NameParam, Named};
use super::refusal::{being_built, of_build};
use crate::answer::json;
use crate::app::{App, BASE};
use crate::auth::Admin;
use crate::extract::Json;
use crate::problem::ApiResult;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RebuildBody {
    /// Stop after the comparison.
    #[serde(default)]
    #[schema(default = false)]
    dry_run: bool,
    #[schema(schema_with = maybe_why)]
    reason: Option<String>,
}

/// A build that was begun.
#[derive(Serialize, ToSchema)]
#[schema(as = BegunBuild)]
pub(super) struct BegunAnswer {
    /// By which `lastBuild` tells that it has ended, and what came of it.
    id: Uuid,
}

/// Makes a read model anew aside, compares it with the live one and switches it in.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/rebuild", operation_id = "rebuildProjection", tag = "operations",
    params(NameParam), request_body = RebuildBody,
    responses(
        (status = 202, description = "It has begun; Location shows how far it is", body = BegunAnswer,
            headers(("Location" = String))),
        (status = 409, description = "It is being built already, or is paused"),
    ),
)]
pub(super) async fn begin_rebuild(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<RebuildBody>,
) -> ApiResult {
    let reason = optional_reason(body.value.reason.as_deref())?;
    let dry_run = body.value.dry_run;
    let instruction = Instruction::new(operator(admin), reason);
    begin(&app, projection, instruction, Work::Rebuild { dry_run }).await
}

/// Makes a read model anew aside and compares it with the live one.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/verify", operation_id = "verifyProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 202, description = "It has begun; Location shows how far it is", body = BegunAnswer,
            headers(("Location" = String))),
        (status = 409, description = "It is being built already"),
    ),
)]
pub(super) async fn begin_verification(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let instruction = Instruction::new(operator(admin), body.value.reason()?);
    begin(&app, projection, instruction, Work::Verify).await
}

/// Switches the version back in that the last rebuild replaced, brought up to date.
#[utoipa::path(
    post, path = "/api/v1/projections/{name}/rollback", operation_id = "rollBackProjection", tag = "operations",
    params(NameParam), request_body = ReasonBody,
    responses(
        (status = 202, description = "It has begun; Location shows how far it is", body = BegunAnswer,
            headers(("Location" = String))),
        (status = 409, description = "There is no version to go back to, it is being built, or it is paused"),
    ),
)]
pub(super) async fn begin_rollback(
    State(app): State<App>,
    admin: Admin,
    Named(projection): Named,
    body: Json<ReasonBody>,
) -> ApiResult {
    let instruction = Instruction::new(operator(admin), body.value.reason()?);
    begin(&app, projection, instruction, Work::Rollback).await
}

#[derive(Clone, Copy)]
enum Work {
    Rebuild { dry_run: bool },
    Verify,
    Rollback,
}

/// Starts the work, unless it is not possible or a build of that projection is running anywhere.
async fn begin(
    app: &App,
    projection: Arc<dyn Projection>,
    instruction: Instruction,
    work: Work,
) -> ApiResult {
    let name = projection.name();
    operate::may_begin(&app.pool, &*projection, work.purpose())
        .await
        .map_err(of_build)?;
    let id = instruction.id;
    let builder = format!("{} pid-{}", instruction.operator, std::process::id());
    let builder = Builder::new(app.feed.clone(), app.pool.clone(), builder);
    let begun = app.builds.start(name, id, |stop| async move {
        work.carry_out(&builder, projection, &instruction, &stop)
            .await;
    });
    if !begun {
        return Err(being_built());
    }
    let location = format!("{BASE}/projections/{name}/progress?build={id}");
    let answer = json(&BegunAnswer { id })?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], answer).into_response())
}

impl Work {
    fn purpose(self) -> Purpose {
        match self {
            Work::Rebuild { dry_run: false } => Purpose::Anew(Anew::Rebuild),
            Work::Rebuild { dry_run: true } => Purpose::Anew(Anew::DryRun),
            Work::Verify => Purpose::Anew(Anew::Verify),
            Work::Rollback => Purpose::Rollback,
        }
    }

    /// What comes of it is in the record of operators' actions.
    async fn carry_out(
        self,
        builder: &Builder,
        projection: Arc<dyn Projection>,
        instruction: &Instruction,
        stop: &CancellationToken,
    ) {
        let report = |_: &BuildProgress| {};
        let projections = std::slice::from_ref(&projection);
        let results = match self {
            Work::Rebuild { dry_run } => {
                operate::rebuild(builder, projections, dry_run, instruction, &report, stop).await
            }
            Work::Verify => operate::verify(builder, projections, instruction, &report, stop).await,
            Work::Rollback => {
                let result =
                    operate::rollback(builder, &projection, instruction, &report, stop).await;
                vec![(projection.name(), result)]
            }
        };
        for (name, result) in results {
            log(name, result);
        }
    }
}

fn log(projection: &'static str, result: Result<Built, BuildError>) {
    match result {
        Ok(built) => info!(
            projection,
            position = built.position,
            switched = built.switched,
            "built a read model"
        ),
        Err(error) => warn!(
            projection,
            error = %Report::new(&error),
            "a read model was not built"
        ),
    }
}
