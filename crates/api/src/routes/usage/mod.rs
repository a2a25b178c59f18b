//! What visitors do in the shop, as their browsers and apps report it in batches.

mod body;
mod judge;
mod readable;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use daybook_usage::{BatchPermit, Recorded, Times, UsageEvent};
use metrics::counter;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use self::body::Batch;
use self::judge::{Judged, judge_all};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Effect, Routes};
use crate::extract::Elements;
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(
        Access::Anyone,
        Effect::CollectsUsage,
        routes!(record_events),
    )
}

const MOST_EVENTS: usize = 1_000;
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Serialize, ToSchema)]
#[schema(as = UsageReceipt)]
struct Receipt {
    /// Events that are kept from now on.
    accepted: usize,
    /// Events whose id is known already; the first one that came is kept.
    duplicates: usize,
    rejected: Vec<RejectedEvent>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RejectedUsageEvent)]
struct RejectedEvent {
    /// In the batch, from 0.
    index: usize,
    /// Where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    event_id: Option<Uuid>,
    /// Stable, for programs.
    code: &'static str,
    /// A sentence for people.
    detail: String,
}

/// Takes what visitors did; each event stands or falls by itself.
#[utoipa::path(
    post, path = "/api/v1/analytics/events", operation_id = "recordUsageEvents", tag = "analytics",
    request_body = Batch,
    responses(
        (status = 200, description = "What became of the events", body = Receipt),
        (status = 413, description = "The body is larger than 1 MiB"),
    ),
)]
async fn record_events(
    State(app): State<App>,
    _room: UsageRoom,
    Elements(elements): Elements<MOST_EVENTS, MOST_BYTES>,
) -> ApiResult {
    let (judged, rejected) = judge_all(&elements, &Times::around(app.now()));
    let events: Vec<UsageEvent<'_>> = judged.iter().map(Judged::event).collect();
    let recorded = app.usage.record(&events).await;
    let receipt = Receipt::of(recorded?, rejected);
    receipt.count();
    json(&receipt)
}

impl Receipt {
    fn of(recorded: Recorded, rejected: Vec<RejectedEvent>) -> Receipt {
        Receipt {
            accepted: recorded.accepted,
            duplicates: recorded.duplicates,
            rejected,
        }
    }

    fn count(&self) {
        for (outcome, events) in [
            ("accepted", self.accepted),
            ("duplicate", self.duplicates),
            ("rejected", self.rejected.len()),
        ] {
            counter!("daybook_usage_events_total", "outcome" => outcome).increment(events as u64);
        }
    }
}

/// Room for the batch. Extracted before the body, which is only received if there is room for it.
struct UsageRoom(#[allow(dead_code, reason = "held, not read")] BatchPermit);

impl FromRequestParts<App> for UsageRoom {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Problem> {
        let overloaded = || {
            let detail = "Too many batches are being taken; nothing of this one was.";
            Problem::unavailable("overloaded", detail, 1)
        };
        app.usage.room().map(UsageRoom).ok_or_else(overloaded)
    }
}
