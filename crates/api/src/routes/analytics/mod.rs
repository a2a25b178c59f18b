//! Reports on what the shop sold, for administrators: JSON or CSV, a file for each.

mod cohorts;
mod customers;
mod funnel;
mod sales;
mod top_products;
mod window;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sales::report))
        .routes(routes!(top_products::report))
        .routes(routes!(customers::report))
        .routes(routes!(cohorts::report))
        .routes(routes!(funnel::report))
}
