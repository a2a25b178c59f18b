//! The products that sold best.

use axum::extract::State;
use daybook_contract::Amount;
use daybook_domain::ProductId;
use daybook_projections::analytics::{self, ProductRank, TopProduct};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::window::WindowQuery;
use crate::app::App;
use crate::auth::Admin;
use crate::extract::{MinPosition, Query, limit};
use crate::problem::ApiResult;
use crate::report::{Format, Row};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct TopProductsQuery {
    #[param(ignore)]
    from: Option<String>,
    #[param(ignore)]
    to: Option<String>,
    #[param(ignore)]
    time_zone: Option<String>,
    /// Without it: by revenue.
    #[param(inline)]
    by: Option<By>,
    /// Products of each currency. Without it: 10.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    Revenue,
    Units,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TopProduct)]
pub(super) struct TopProductRow {
    /// Among the products sold in the same currency, from 1.
    rank: i64,
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    sku: Option<String>,
    /// As it is called now.
    name: Option<String>,
    units: i64,
    revenue: Amount,
    /// Units that came back, by when their order was placed. The rank does not mind them.
    returned: i64,
    refunded: Amount,
    currency: &'static str,
}

impl Row for TopProductRow {
    const COLUMNS: &'static [&'static str] = &[
        "rank",
        "productId",
        "sku",
        "name",
        "units",
        "revenue",
        "returned",
        "refunded",
        "currency",
    ];
}

/// The products that sold best, ranked within each currency.
#[utoipa::path(
    get, path = "/api/v1/analytics/top-products", operation_id = "reportTopProducts", tag = "analytics",
    params(WindowQuery, TopProductsQuery),
    responses((status = 200, description = "The products", content(
        (Vec<TopProductRow> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn report(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    format: Format,
    Query(query): Query<TopProductsQuery>,
) -> ApiResult {
    let asked = WindowQuery {
        from: query.from,
        to: query.to,
        time_zone: query.time_zone,
    };
    let (window, _) = asked.window()?;
    let limit = limit(query.limit)?;
    let by = query.by.unwrap_or(By::Revenue).into();
    min_position.reached(&app, analytics::NAME).await?;
    let top = app
        .read_models
        .analytics()
        .top_products(&window, by, limit)
        .await?;
    let rows: Vec<TopProductRow> = top.into_iter().map(TopProductRow::from).collect();
    format.answer(&rows)
}

impl From<By> for ProductRank {
    fn from(by: By) -> ProductRank {
        match by {
            By::Revenue => ProductRank::Revenue,
            By::Units => ProductRank::Units,
        }
    }
}

impl From<TopProduct> for TopProductRow {
    fn from(product: TopProduct) -> TopProductRow {
        TopProductRow {
            rank: product.rank,
            product_id: product.product_id,
            sku: product.sku,
            name: product.name,
            units: product.units,
            revenue: Amount(product.revenue),
            returned: product.returned,
            refunded: Amount(product.refunded),
            currency: product.revenue.currency.code(),
        }
    }
}
