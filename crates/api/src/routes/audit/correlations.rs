//! Everything that one request caused.

use axum::extract::State;
use axum::response::IntoResponse;
use daybook_history::trail::{MOST_EVENTS, RequestTree};
use daybook_projections::trail;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::entitled::readable;
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Effect, Routes};
use crate::extract::{Id, MinPosition};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::SignedIn, Effect::Reads, routes!(read_correlation))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "only describes")]
struct CorrelationParam {
    /// A `correlationId`; the request's id where that is a UUID.
    id: Uuid,
}

/// Everything that one request set off, as a tree: each event under the one that led to it.
///
/// Administrators see all of it, others what happened to their own account and their own orders.
#[utoipa::path(
    get, path = "/api/v1/audit/correlations/{id}", operation_id = "readCorrelation", tag = "operations",
    params(CorrelationParam),
    responses((status = 200, description = "The request and what it led to", body = RequestTree)),
)]
async fn read_correlation(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<Uuid>,
    min_position: MinPosition,
) -> ApiResult {
    min_position.reached(&app, trail::NAME).await?;
    let trail = app.trail();
    let mut positions = trail.correlated(id).await?;
    let is_complete = positions.len() <= MOST_EVENTS;
    positions.truncate(MOST_EVENTS);
    let events = app.feed.read_each_at(&positions).await?;
    let entries = trail.entries(readable(&app, caller, events).await?).await?;
    let tree = RequestTree::of(entries, is_complete).ok_or_else(Problem::nothing_here)?;
    Ok(json(&tree)?.into_response())
}
