//! What happened to accounts, for administrators.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use daybook_accounts::SecurityEventRecord;
use daybook_domain::UserId;
use daybook_history::trail::PageStart;
use daybook_identity::security::{self, Criteria, Kind, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::audit::cursor::{cursor_at, page_start};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Admin, Effect, Routes};
use crate::extract::{Query, TOTAL_COUNT, invalid_parameter, limit, links};
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::Admin, Effect::Reads, routes!(list_security_events))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// What happened.
    #[param(pattern = "^[a-z-]+$", example = "sign-in-failed")]
    kind: Option<String>,
    /// Whom it concerns, or who did it.
    user_id: Option<Uuid>,
    /// Where it was asked for from.
    #[param(example = "192.0.2.1")]
    address: Option<String>,
    /// At or after this RFC 3339 instant.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<DateTime<Utc>>,
    /// Before this RFC 3339 instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From a `Link` header.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// What happened to accounts, the newest first: those events that fit everything that is given.
///
/// Pages have no numbers: `Link` leads to the next one. `X-Total-Count` is left out above 10,000.
#[utoipa::path(
    get, path = "/api/v1/security-events", operation_id = "listSecurityEvents", tag = "operations",
    params(EventsQuery),
    responses((status = 200, description = "A page of what was found", body = Vec<SecurityEventRecord>,
        headers(
            ("X-Total-Count" = i64, description = "How many there are on all pages, up to 10,000"),
            ("Link" = String, description = "`rel=\"next\"` and `rel=\"prev\"`, with cursors"),
        ))),
)]
async fn list_security_events(
    State(app): State<App>,
    _: Admin,
    uri: Uri,
    Query(query): Query<EventsQuery>,
) -> ApiResult {
    let (criteria, limit) = (query.criteria()?, limit(query.limit)?);
    let start = match page_start(query.cursor.as_deref())? {
        PageStart::First => security::PageStart::First,
        PageStart::After(id) => security::PageStart::After(id),
        PageStart::Before(id) => security::PageStart::Before(id),
    };
    app.security.flushed().await;
    let page = security::search(&app.pool, &criteria, start, limit).await;
    let total = security::count(&app.pool, &criteria).await;
    answer(&uri, total?, page?)
}

fn answer(uri: &Uri, total: Option<i64>, page: Page) -> ApiResult {
    let mut headers = HeaderMap::new();
    if let Some(total) = total {
        headers.insert(TOTAL_COUNT, HeaderValue::from(total));
    }
    let next = page.events.last().filter(|_| page.has_next);
    let prev = page.events.first().filter(|_| page.has_prev);
    let next = next.map(|event| cursor_at(PageStart::After(event.id)));
    let prev = prev.map(|event| cursor_at(PageStart::Before(event.id)));
    if let Some(links) = links(uri, next.as_deref(), prev.as_deref()) {
        headers.insert(header::LINK, links);
    }
    let events: Vec<_> = page
        .events
        .into_iter()
        .map(SecurityEventRecord::from)
        .collect();
    Ok((headers, json(&events)?).into_response())
}

impl EventsQuery {
    fn criteria(&self) -> ApiResult<Criteria> {
        Ok(Criteria {
            kind: self.kind.as_deref().map(kind).transpose()?,
            user_id: self.user_id.map(UserId::from),
            address: self.address.as_deref().map(address).transpose()?,
            from: self.from,
            to: self.to,
        })
    }
}

fn kind(name: &str) -> ApiResult<Kind> {
    Kind::parse(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.into_iter().map(Kind::as_str).collect();
        let detail = format!("Give one of {}.", names.join(", "));
        invalid_parameter("/kind", "unknown-value", detail)
    })
}

fn address(text: &str) -> ApiResult<IpAddr> {
    let detail = "Give an address of IPv4 or IPv6.";
    text.parse()
        .map_err(|_| invalid_parameter("/address", "invalid-value", detail))
}
