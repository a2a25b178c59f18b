//! What changed in a stream's resource between two moments, field by field.

use axum::extract::State;
use daybook_history::past::{Change, changes_between};
use daybook_log::Position;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::entitled::may_read;
use super::stream::{Stream, StreamParam};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Routes};
use crate::extract::{MinPosition, Query, invalid_parameter, moment, position_of};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::Owner, routes!(compare_stream))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffQuery {
    /// A position of the log, or an RFC 3339 instant, which means what was recorded by then. Without it: before the
    /// stream's first event.
    #[param(pattern = "^([0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$", example = "1")]
    from: Option<String>,
    /// Like `from`, and not before it. Without it: now.
    #[param(
        pattern = "^([0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$",
        example = "2011-12-09T12:50:00Z"
    )]
    to: Option<String>,
}

/// What changed in a stream's resource, field by field.
///
/// The resource in the words of the API with all that its events hold, such as an order's address and parcel, but
/// without what comes from another stream, such as a product's stock. Erased personal data is null at any time.
#[utoipa::path(
    get, path = "/api/v1/audit/streams/{type}/{id}/diff", operation_id = "compareStream", tag = "operations",
    params(StreamParam, DiffQuery),
    responses((status = 200, description = "The fields that differ", body = Vec<Change>)),
)]
async fn compare_stream(
    State(app): State<App>,
    caller: Customer,
    Stream(stream): Stream,
    min_position: MinPosition,
    Query(query): Query<DiffQuery>,
) -> ApiResult {
    may_read(&app, caller, stream).await?;
    min_position.reached_by_the_log(&app).await?;
    let from = position(&app, "/from", query.from.as_deref()).await?;
    let to = position(&app, "/to", query.to.as_deref()).await?;
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(Position::MAX));
    if from > to {
        let detail = "Give a moment that is not before `from`.";
        return Err(invalid_parameter("/to", "out-of-range", detail));
    }
    let changes = changes_between(&app.feed, stream, from, to).await?;
    json(&changes.ok_or_else(Problem::nothing_here)?)
}

async fn position(
    app: &App,
    pointer: &'static str,
    text: Option<&str>,
) -> ApiResult<Option<Position>> {
    match text {
        Some(text) => Ok(Some(
            position_of(app, moment(pointer, text)?, pointer).await?,
        )),
        None => Ok(None),
    }
}
