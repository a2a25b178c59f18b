//! Streams as the log has them: who changed what, when and on whose behalf.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::Uri;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_domain::{AggregateType, StreamId};
use daybook_log::{LogError, RecordedEvent};
use daybook_projections::{Page, Paging, Start};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::error;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query, invalid_parameter, list, of_database, paging};
use crate::problem::{ApiResult, Problem, chain};
use crate::timestamp::Timestamp;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_stream))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "only describes")]
struct StreamParam {
    #[param(inline)]
    r#type: TypeName,
    id: Uuid,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the domain's type")]
enum TypeName {
    User,
    Category,
    Product,
    Stock,
    Order,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From a `Link` header; stands above `page`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
struct AuditAnswer {
    /// In the log.
    position: i64,
    /// In the stream: 1, 2, 3 …
    sequence: i64,
    event_id: Uuid,
    r#type: &'static str,
    /// When it happened.
    at: Timestamp,
    /// When the log took it.
    recorded_at: Timestamp,
    /// `user:` and an id, `system:` and a part, or `anonymous`.
    actor: String,
    /// Shared by everything that one request set off.
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    request_id: Option<String>,
    /// The event's own words.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// A stream's events, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/audit/streams/{type}/{id}", operation_id = "readStream", tag = "operations",
    params(StreamParam, StreamQuery), security(("bearer" = ["admin"])),
    responses((status = 200, description = "A page of the stream", body = Vec<AuditAnswer>)),
)]
async fn read_stream(
    State(app): State<App>,
    _: Admin,
    Stream(stream): Stream,
    min_position: MinPosition,
    uri: Uri,
    Query(query): Query<StreamQuery>,
) -> ApiResult {
    let paging = paging(query.page, query.limit, query.cursor)?;
    min_position.reached_by_the_log(&app).await?;
    let page = read_page(&app, stream, &paging).await?;
    list(&uri, page, |entry| entry)
}

async fn read_page(app: &App, stream: StreamId, paging: &Paging) -> ApiResult<Page<AuditAnswer>> {
    let after = first_before(paging)?;
    let total = app.commands.load(stream).await?.version;
    if total == 0 {
        return Err(Problem::nothing_here());
    }
    let limit = i64::from(paging.limit);
    let events = app.feed.read_stream(stream, after, limit).await?;
    let items = events
        .into_iter()
        .map(AuditAnswer::of)
        .collect::<ApiResult<Vec<_>>>()?;
    let next = (after + limit < total).then(|| cursor(after + limit));
    let prev = (after > 0).then(|| cursor((after - limit).max(0)));
    Ok(Page {
        items,
        total,
        next,
        prev,
    })
}

/// The stream that a path names.
struct Stream(StreamId);

impl FromRequestParts<App> for Stream {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let nothing = |_| Problem::nothing_here();
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((aggregate_type, id)) = path.map_err(|_| Problem::nothing_here())?;
        let aggregate_type: AggregateType = aggregate_type
            .parse()
            .map_err(|_| Problem::nothing_here())?;
        let id = Hyphenated::from_str(&id).map_err(nothing)?;
        Ok(Stream(StreamId::new(aggregate_type, id.into_uuid())))
    }
}

/// Sequences have no gaps, so that a page begins where it can be reckoned; a cursor is the sequence before it.
fn first_before(paging: &Paging) -> ApiResult<i64> {
    match &paging.start {
        Start::Page(page) => Ok((i64::from(*page) - 1) * i64::from(paging.limit)),
        Start::Cursor(text) => sequence(text).ok_or_else(|| {
            invalid_parameter(
                "/cursor",
                "invalid-value",
                "Take cursors from the Link header.",
            )
        }),
    }
}

fn cursor(after: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("after:{after}"))
}

fn sequence(cursor: &str) -> Option<i64> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("after:")?
        .parse()
        .ok()
        .filter(|after| (0..i64::MAX / 2).contains(after))
}

impl AuditAnswer {
    fn of(recorded: RecordedEvent) -> ApiResult<AuditAnswer> {
        let RecordedEvent {
            position,
            sequence,
            event_id,
            event,
            metadata,
            occurred_at,
            recorded_at,
            ..
        } = recorded;
        let data = event
            .to_json()
            .and_then(RawValue::from_string)
            .map_err(|error| {
                error!(position, %error, "an event could not be shown");
                Problem::internal()
            })?;
        Ok(AuditAnswer {
            position,
            sequence,
            event_id,
            r#type: event.event_type(),
            at: occurred_at.into(),
            recorded_at: recorded_at.into(),
            actor: metadata.actor.to_string(),
            correlation_id: metadata.correlation_id,
            causation_id: metadata.causation_id,
            request_id: metadata.request_id,
            data,
        })
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Problem {
        match &error {
            LogError::Database(error) => of_database(error),
            LogError::Undecodable { .. } | LogError::Encode { .. } | LogError::Seal(_) => {
                error!(error = chain(&error), "the log could not be read");
                Problem::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given() {
        assert_eq!(sequence(&cursor(40)), Some(40));
        for forged in ["", "x", "YWZ0ZXI6", &cursor(-1), &cursor(i64::MAX), "!!!"] {
            assert_eq!(sequence(forged), None, "{forged}");
        }
    }
}
