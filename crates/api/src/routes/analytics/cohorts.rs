//! Customers by the month of their first order, and what they ordered from then on.

use axum::extract::State;
use daybook_projections::analytics::{self, CohortMonth};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::window::Asked;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct CohortsQuery {
    /// Inclusive: an RFC 3339 instant, or a date, which is its first instant in the time zone. Customers who ordered
    /// before are left out. Without it: from the beginning.
    #[param(min_length = 10)]
    from: Option<String>,
    /// Exclusive, like `from`. Without it: to the end.
    #[param(min_length = 10)]
    to: Option<String>,
    /// Whose months they are, by its IANA name. Without it: UTC.
    #[param(min_length = 1)]
    time_zone: Option<String>,
}

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
    params(CohortsQuery), security(("bearer" = ["admin"])),
    responses((status = 200, description = "The cohorts", content(
        (Vec<CohortRow> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    Query(query): Query<CohortsQuery>,
) -> ApiResult {
    let CohortsQuery {
        from,
        to,
        time_zone,
    } = query;
    let (window, zone) = Asked {
        from,
        to,
        time_zone,
    }
    .window()?;
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
