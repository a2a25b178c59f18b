//! Customers by the month of their first order, and what they ordered from then on.

use axum::extract::State;
use daybook_projections::analytics::{self, CohortMonth};
use serde::Serialize;
use utoipa::ToSchema;

use super::window::WindowQuery;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CohortMonth)]
pub(super) struct CohortRow {
    /// The month of the customers' first order, `2010-12`.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    cohort: String,
    /// How many customers that are.
    customers: i64,
    /// The month in which they ordered what follows: their first or a later one.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: String,
    /// How many of them did.
    active: i64,
    /// How many orders that made.
    orders: i64,
}

impl Row for CohortRow {
    const COLUMNS: &'static [&'static str] = &["cohort", "customers", "month", "active", "orders"];
}

/// Customers by the month of their first order, with what they ordered in that month and in each that followed.
/// Months in which none of them ordered are left out.
#[utoipa::path(
    get, path = "/api/v1/analytics/cohorts", operation_id = "reportCohorts", tag = "analytics",
    params(WindowQuery),
    responses((status = 200, description = "The cohorts", content(
        (Vec<CohortRow> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    Query(query): Query<WindowQuery>,
) -> ApiResult {
    let (window, zone) = query.window()?;
    min_position.reached(&app, analytics::NAME).await?;
    let cohorts = app.read_models.analytics().cohorts(&window, zone).await?;
    let rows: Vec<CohortRow> = cohorts.into_iter().map(CohortRow::from).collect();
    format.answer(&rows)
}

impl From<CohortMonth> for CohortRow {
    fn from(cohort: CohortMonth) -> CohortRow {
        CohortRow {
            cohort: cohort.cohort.format("%Y-%m").to_string(),
            customers: cohort.customers,
            month: cohort.month.format("%Y-%m").to_string(),
            active: cohort.active,
            orders: cohort.orders,
        }
    }
}
