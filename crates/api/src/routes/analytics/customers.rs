//! What each customer bought.

use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse;
use daybook_contract::{Amount, Timestamp};
use daybook_domain::UserId;
use daybook_projections::analytics::{self, CustomerFigures, CustomerRank};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::window::WindowQuery;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, PageParams, Paged, Query, page_headers};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct CustomersQuery {
    #[param(ignore)]
    from: Option<String>,
    #[param(ignore)]
    to: Option<String>,
    #[param(ignore)]
    time_zone: Option<String>,
    /// What the list is sorted by, the largest first. Without it: by revenue. Amounts of different currencies are
    /// compared in their minor units.
    #[param(inline)]
    by: Option<By>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum By {
    Revenue,
    Orders,
    LastOrder,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomerFigures)]
pub(super) struct CustomerRow {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// Orders in which something was sold.
    orders: i64,
    units: i64,
    revenue: Amount,
    /// Orders cancelled. Revenue is not reduced by them.
    cancellations: i64,
    cancelled: Amount,
    /// Units that came back.
    returned: i64,
    refunded: Amount,
    /// Null for who only ever brought something back.
    first_order_at: Option<Timestamp>,
    last_order_at: Option<Timestamp>,
    currency: &'static str,
}

impl Row for CustomerRow {
    const COLUMNS: &'static [&'static str] = &[
        "userId",
        "orders",
        "units",
        "revenue",
        "cancellations",
        "cancelled",
        "returned",
        "refunded",
        "firstOrderAt",
        "lastOrderAt",
        "currency",
    ];
}

/// What customers bought, by customer and currency: in all their time, or in a window. Orders of nobody in
/// particular are not among it.
#[utoipa::path(
    get, path = "/api/v1/analytics/customers", operation_id = "reportCustomers", tag = "analytics",
    params(WindowQuery, CustomersQuery, PageParams),
    responses((status = 200, description = "A page of customers", content(
        (Vec<CustomerRow> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    uri: Uri,
    Query(Paged { list: query, page }): Query<Paged<CustomersQuery>>,
) -> ApiResult {
    let asked = WindowQuery {
        from: query.from,
        to: query.to,
        time_zone: query.time_zone,
    };
    let (window, _) = asked.window()?;
    let paging = page.paging()?;
    let by = query.by.unwrap_or(By::Revenue).into();
    min_position.reached(&app, analytics::NAME).await?;
    let page = app
        .read_models
        .analytics()
        .customers(&window, by, &paging)
        .await?;
    let headers = page_headers(&uri, &page);
    let rows: Vec<CustomerRow> = page.items.into_iter().map(CustomerRow::from).collect();
    Ok((headers, format.answer(&rows)?).into_response())
}

impl From<By> for CustomerRank {
    fn from(by: By) -> CustomerRank {
        match by {
            By::Revenue => CustomerRank::Revenue,
            By::Orders => CustomerRank::Orders,
            By::LastOrder => CustomerRank::LastOrder,
        }
    }
}

impl From<CustomerFigures> for CustomerRow {
    fn from(customer: CustomerFigures) -> CustomerRow {
        CustomerRow {
            user_id: customer.user_id,
            orders: customer.orders,
            units: customer.units,
            revenue: Amount(customer.revenue),
            cancellations: customer.cancellations,
            cancelled: Amount(customer.cancelled),
            returned: customer.returned,
            refunded: Amount(customer.refunded),
            first_order_at: customer.first_order_at.map(Timestamp),
            last_order_at: customer.last_order_at.map(Timestamp),
            currency: customer.revenue.currency.code(),
        }
    }
}
