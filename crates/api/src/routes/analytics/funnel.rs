//! How far visitors and orders get.

use axum::extract::State;
use daybook_projections::analytics::{self, FunnelStep};
use daybook_usage::Sessions;
use serde::Serialize;
use utoipa::ToSchema;

use super::window::WindowQuery;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Serialize, ToSchema)]
#[schema(as = Funnel)]
pub(super) struct Funnel {
    /// Sessions with usage events in the window: `viewed`, then `clicked`, then `addedToCart`, then `ordered`.
    sessions: Vec<SessionStep>,
    /// Orders placed in the window that have come this far by now: `placed`, `processing`, `shipped`, `delivered`,
    /// `cancelled`; and `imported`, of which no more is known.
    orders: Vec<OrderStep>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionStep)]
struct SessionStep {
    step: &'static str,
    count: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderStep)]
struct OrderStep {
    step: &'static str,
    count: i64,
    /// From the step before, or to a cancellation from the order; null where there is none.
    median_seconds: Option<f64>,
    mean_seconds: Option<f64>,
}

/// A step of sessions or of orders, for CSV.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FunnelRow {
    funnel: &'static str,
    step: &'static str,
    count: i64,
    median_seconds: Option<f64>,
    mean_seconds: Option<f64>,
}

impl Row for FunnelRow {
    const COLUMNS: &'static [&'static str] =
        &["funnel", "step", "count", "medianSeconds", "meanSeconds"];
}

/// How far sessions and orders get, and how long orders take.
#[utoipa::path(
    get, path = "/api/v1/analytics/funnel", operation_id = "reportFunnel", tag = "analytics", params(WindowQuery),
    responses((status = 200, description = "Both funnels", content(
        (Funnel = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    Query(query): Query<WindowQuery>,
) -> ApiResult {
    let (window, _) = query.window()?;
    min_position.reached(&app, analytics::NAME).await?;
    let orders = app.read_models.analytics().order_funnel(&window).await?;
    let sessions = app.usage.sessions(window.from, window.to).await;
    let funnel = Funnel {
        sessions: steps(sessions?),
        orders: orders.into_iter().map(OrderStep::from).collect(),
    };
    format.answer_with(&funnel, || funnel.rows())
}

fn steps(sessions: Sessions) -> Vec<SessionStep> {
    [
        ("viewed", sessions.viewed),
        ("clicked", sessions.clicked),
        ("addedToCart", sessions.added_to_cart),
        ("ordered", sessions.ordered),
    ]
    .map(|(step, count)| SessionStep { step, count })
    .into()
}

impl From<FunnelStep> for OrderStep {
    fn from(step: FunnelStep) -> OrderStep {
        let to_the_millisecond = |seconds: f64| (seconds * 1_000.0).round() / 1_000.0;
        OrderStep {
            step: step.step,
            count: step.orders,
            median_seconds: step.median_seconds.map(to_the_millisecond),
            mean_seconds: step.mean_seconds.map(to_the_millisecond),
        }
    }
}

impl Funnel {
    fn rows(&self) -> Vec<FunnelRow> {
        let sessions = self.sessions.iter().map(|step| FunnelRow {
            funnel: "sessions",
            step: step.step,
            count: step.count,
            median_seconds: None,
            mean_seconds: None,
        });
        let orders = self.orders.iter().map(|step| FunnelRow {
            funnel: "orders",
            step: step.step,
            count: step.count,
            median_seconds: step.median_seconds,
            mean_seconds: step.mean_seconds,
        });
        sessions.chain(orders).collect()
    }
}
