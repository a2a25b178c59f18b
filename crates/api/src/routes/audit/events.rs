//! Searching the trail across streams.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use daybook_domain::{AggregateType, EventType, StreamId};
use daybook_history::trail::{Criteria, Entry, PageStart, SearchPage, event_type};
use daybook_log::{Actor, Position};
use daybook_projections::trail::TrailOrder;
use daybook_projections::{orders, trail};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::cursor::{cursor_at, page_start};
use super::ndjson::{WantsLines, lines};
use super::stream::TypeName;
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Effect, Routes};
use crate::extract::{MinPosition, Query, TOTAL_COUNT, invalid_parameter, limit, links};
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::SignedIn, Effect::Reads, routes!(search_events))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Who acted: `user:` and an id, `system:` and a part, or `anonymous`.
    #[param(pattern = "^(anonymous|user:.+|system:.+)$", example = "system:import")]
    actor: Option<String>,
    /// What it happened to.
    #[param(inline, value_type = Option<TypeName>)]
    stream_type: Option<AggregateType>,
    /// Types of events, with commas between them.
    #[param(
        pattern = "^[a-z_.]+(,[a-z_.]+)*$",
        example = "order.placed,order.cancelled"
    )]
    r#type: Option<String>,
    /// Set off by one request.
    correlation_id: Option<Uuid>,
    /// Recorded at or after this RFC 3339 instant.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<DateTime<Utc>>,
    /// Recorded before this RFC 3339 instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<DateTime<Utc>>,
    /// The first position.
    #[param(minimum = 1)]
    from_position: Option<Position>,
    /// The last position.
    #[param(minimum = 1)]
    to_position: Option<Position>,
    /// Newest first (`desc`) unless this says otherwise.
    #[param(inline)]
    order: Option<OrderName>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From a `Link` header.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum OrderName {
    Asc,
    Desc,
}

/// Events of all streams, those that fit everything that is given.
///
/// Administrators search everything, others the streams of their own account and their own orders.
/// Pages have no numbers: `Link` leads to the next one. `X-Total-Count` is left out above 10,000. As
/// `application/x-ndjson` all of it, an entry on each line, whatever `limit` and `cursor` say.
#[utoipa::path(
    get, path = "/api/v1/audit/events", operation_id = "searchEvents", tag = "operations",
    params(EventsQuery),
    responses((status = 200, description = "A page of what was found, or all of it",
        content((Vec<Entry> = "application/json"), (Entry = "application/x-ndjson")),
        headers(
            ("X-Total-Count" = i64, description = "How many there are on all pages, up to 10,000"),
            ("Link" = String, description = "`rel=\"next\"` and `rel=\"prev\"`, with cursors"),
        ))),
)]
async fn search_events(
    State(app): State<App>,
    caller: Customer,
    min_position: MinPosition,
    WantsLines(wants_lines): WantsLines,
    uri: Uri,
    Query(query): Query<EventsQuery>,
) -> ApiResult {
    let (criteria, order) = (query.criteria()?, query.order());
    let limit = limit(query.limit)?;
    let start = page_start(query.cursor.as_deref())?;
    let own = own_streams(&app, caller, min_position).await?;
    let search = app.trail().search(&criteria, order, own.as_deref()).await?;
    if wants_lines {
        return lines(&app, search.walk()).await;
    }
    let page = search.page(start, limit).await?;
    answer(&uri, search.count().await?, &page)
}

/// The streams that the caller may search, up to the present head; `None` means all streams.
async fn own_streams(
    app: &App,
    caller: Customer,
    min_position: MinPosition,
) -> ApiResult<Option<Vec<StreamId>>> {
    if caller.is_admin {
        min_position.reached(app, trail::NAME).await?;
        return Ok(None);
    }
    min_position.reached(app, orders::NAME).await?;
    let orders = app.read_models.orders().ids_of(caller.id).await?;
    let orders = orders.into_iter().map(StreamId::order);
    Ok(Some(
        std::iter::once(StreamId::user(caller.id))
            .chain(orders)
            .collect(),
    ))
}

fn answer(uri: &Uri, total: Option<i64>, page: &SearchPage) -> ApiResult {
    let mut headers = HeaderMap::new();
    if let Some(total) = total {
        headers.insert(TOTAL_COUNT, HeaderValue::from(total));
    }
    let [first, last] = [page.entries.first(), page.entries.last()];
    let next = last.filter(|_| page.has_next);
    let prev = first.filter(|_| page.has_prev);
    let next = next.map(|entry| cursor_at(PageStart::After(entry.position)));
    let prev = prev.map(|entry| cursor_at(PageStart::Before(entry.position)));
    if let Some(links) = links(uri, next.as_deref(), prev.as_deref()) {
        headers.insert(header::LINK, links);
    }
    Ok((headers, json(&page.entries)?).into_response())
}

impl EventsQuery {
    fn criteria(&self) -> ApiResult<Criteria> {
        Ok(Criteria {
            actor: self.actor.as_deref().map(actor).transpose()?,
            stream_type: self.stream_type,
            types: types(self.r#type.as_deref())?,
            correlation_id: self.correlation_id,
            from: self.from,
            to: self.to,
            from_position: position("/fromPosition", self.from_position)?,
            to_position: position("/toPosition", self.to_position)?,
        })
    }

    fn order(&self) -> TrailOrder {
        match self.order {
            Some(OrderName::Asc) => TrailOrder::OldestFirst,
            Some(OrderName::Desc) | None => TrailOrder::NewestFirst,
        }
    }
}

fn position(pointer: &str, given: Option<Position>) -> ApiResult<Option<Position>> {
    match given {
        Some(position) if position < 1 => {
            let detail = "Positions begin with 1.";
            Err(invalid_parameter(pointer, "out-of-range", detail))
        }
        given => Ok(given),
    }
}

fn actor(text: &str) -> ApiResult<Actor> {
    let detail = "Give user: and an id, system: and a part, or anonymous.";
    text.parse()
        .map_err(|_| invalid_parameter("/actor", "invalid-value", detail))
}

fn types(text: Option<&str>) -> ApiResult<Vec<EventType>> {
    let names = text.into_iter().flat_map(|text| text.split(','));
    names
        .map(|name| {
            event_type(name).ok_or_else(|| {
                let detail = format!("There are no events of the type {name:?}.");
                invalid_parameter("/type", "unknown-value", detail)
            })
        })
        .collect()
}
