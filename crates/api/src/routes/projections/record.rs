//! The skipped events, and the operators' actions.

use axum::extract::State;
use axum::http::Uri;
use daybook_contract::Timestamp;
use daybook_log::Position;
use daybook_projections::operate::{self, Action, DeadLetter};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::named::{NameParam, Named};
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, PageParams, Query, list};
use crate::problem::ApiResult;

/// An event that a projection passes over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
struct DeadLetterAnswer {
    #[schema(value_type = i64)]
    position: Position,
    /// Its type and id, such as `order/0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a`.
    stream: String,
    sequence: i64,
    event_id: Uuid,
    event_type: String,
    /// Why it could not be projected.
    error: String,
    /// Why it was skipped.
    reason: String,
    actor: String,
    at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OperatorAction)]
struct ActionAnswer {
    id: Uuid,
    at: Timestamp,
    /// `user:` and an id, or `cli:` and a user of the server's system.
    actor: String,
    /// `pause`, `resume`, `reset`, `retry`, `skip`, `rebuild`, `verify`, `rollback`, `as-of`, or
    /// `finished` for what came of one of the last four.
    action: String,
    /// What it was about: a position, a reason, a schema, an outcome.
    #[schema(value_type = Object)]
    detail: Value,
}

/// Events that a projection passes over, by position.
#[utoipa::path(
    get, path = "/api/v1/projections/{name}/dead-letters", operation_id = "listDeadLetters", tag = "operations",
    params(NameParam, PageParams),
    responses((status = 200, description = "A page of them", body = Vec<DeadLetterAnswer>)),
)]
pub(super) async fn dead_letters(
    State(app): State<App>,
    _: Admin,
    Named(projection): Named,
    min_position: MinPosition,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let paging = page.paging()?;
    min_position.reached_by_the_log(&app).await?;
    let page = operate::dead_letters(&app.pool, projection.name(), &paging).await?;
    list(&uri, page, DeadLetterAnswer::from)
}

/// What operators did to a projection, the newest first.
#[utoipa::path(
    get, path = "/api/v1/projections/{name}/actions", operation_id = "listOperatorActions", tag = "operations",
    params(NameParam, PageParams),
    responses((status = 200, description = "A page of them", body = Vec<ActionAnswer>)),
)]
pub(super) async fn actions(
    State(app): State<App>,
    _: Admin,
    Named(projection): Named,
    min_position: MinPosition,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let paging = page.paging()?;
    min_position.reached_by_the_log(&app).await?;
    let page = operate::actions(&app.pool, Some(projection.name()), &paging).await?;
    list(&uri, page, ActionAnswer::from)
}

impl From<DeadLetter> for DeadLetterAnswer {
    fn from(letter: DeadLetter) -> DeadLetterAnswer {
        DeadLetterAnswer {
            position: letter.position,
            stream: letter.stream,
            sequence: letter.sequence,
            event_id: letter.event_id,
            event_type: letter.event_type,
            error: letter.error,
            reason: letter.reason,
            actor: letter.actor,
            at: letter.at.into(),
        }
    }
}

impl From<Action> for ActionAnswer {
    fn from(action: Action) -> ActionAnswer {
        ActionAnswer {
            id: action.id,
            at: action.at.into(),
            actor: action.actor,
            action: action.action,
            detail: action.detail.0,
        }
    }
}
