//! Reports on what the shop sold, for administrators: JSON or CSV, a file for each.

mod cohorts;
mod customers;
mod funnel;
mod sales;
mod top_products;
mod window;

use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Access, Routes};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Admin, routes!(sales::report))
        .open_to(Access::Admin, routes!(top_products::report))
        .open_to(Access::Admin, routes!(customers::report))
        .open_to(Access::Admin, routes!(cohorts::report))
        .open_to(Access::Admin, routes!(funnel::report))
}
