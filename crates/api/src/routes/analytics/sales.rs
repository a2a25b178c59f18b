//! Sales by day, week or month.

use axum::extract::State;
use daybook_contract::{Amount, Timestamp};
use daybook_projections::analytics::{self, Interval, SalesFigures};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::window::WindowQuery;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct SalesQuery {
    #[param(ignore)]
    from: Option<String>,
    #[param(ignore)]
    to: Option<String>,
    #[param(ignore)]
    time_zone: Option<String>,
    /// Weeks begin on Monday. Without it: by day.
    #[param(inline)]
    interval: Option<IntervalName>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum IntervalName {
    Day,
    Week,
    Month,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sales)]
pub(super) struct SalesRow {
    /// The interval's first instant.
    start: Timestamp,
    /// The interval's first day in the time zone, `2011-12-09`.
    #[schema(format = Date)]
    date: String,
    /// Orders in which something was sold.
    orders: i64,
    /// Units sold, by when they were ordered.
    units: i64,
    /// What they were sold for.
    revenue: Amount,
    /// Orders cancelled, by when that was. Revenue is not reduced by them.
    cancellations: i64,
    /// What they were sold for.
    cancelled: Amount,
    /// Units that came back, by when their order was placed.
    returned: i64,
    /// What was given back for them.
    refunded: Amount,
    currency: &'static str,
}

impl Row for SalesRow {
    const COLUMNS: &'static [&'static str] = &[
        "start",
        "date",
        "orders",
        "units",
        "revenue",
        "cancellations",
        "cancelled",
        "returned",
        "refunded",
        "currency",
    ];
}

/// What was sold by interval and currency, the earliest first. Intervals in which nothing happened are left out; of
/// one that the window cuts, the part within counts.
#[utoipa::path(
    get, path = "/api/v1/analytics/sales", operation_id = "reportSales", tag = "analytics", params(WindowQuery, SalesQuery),
    responses((status = 200, description = "The sales", content(
        (Vec<SalesRow> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    Query(query): Query<SalesQuery>,
) -> ApiResult {
    let asked = WindowQuery {
        from: query.from,
        to: query.to,
        time_zone: query.time_zone,
    };
    let (window, zone) = asked.window()?;
    let interval = query.interval.unwrap_or(IntervalName::Day).into();
    min_position.reached(&app, analytics::NAME).await?;
    let sales = app
        .read_models
        .analytics()
        .sales(&window, interval, zone)
        .await?;
    let rows: Vec<SalesRow> = sales.into_iter().map(SalesRow::from).collect();
    format.answer(&rows)
}

impl From<IntervalName> for Interval {
    fn from(name: IntervalName) -> Interval {
        match name {
            IntervalName::Day => Interval::Day,
            IntervalName::Week => Interval::Week,
            IntervalName::Month => Interval::Month,
        }
    }
}

impl From<SalesFigures> for SalesRow {
    fn from(sales: SalesFigures) -> SalesRow {
        SalesRow {
            start: sales.start.into(),
            date: sales.date.to_string(),
            orders: sales.orders,
            units: sales.units,
            revenue: Amount(sales.revenue),
            cancellations: sales.cancellations,
            cancelled: Amount(sales.cancelled),
            returned: sales.returned,
            refunded: Amount(sales.refunded),
            currency: sales.revenue.currency.code(),
        }
    }
}
