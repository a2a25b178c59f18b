//! Reports on what the shop sold, for administrators: JSON or CSV, a file for each.

mod cohorts;
mod customers;
mod funnel;
mod sales;
mod top_products;
mod window;

use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Access, Effect, Routes};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Admin, Effect::Reads, routes!(sales::report))
        .open_to(Access::Admin, Effect::Reads, routes!(top_products::report))
        .open_to(Access::Admin, Effect::Reads, routes!(customers::report))
        .open_to(Access::Admin, Effect::Reads, routes!(cohorts::report))
        .open_to(Access::Admin, Effect::Reads, routes!(funnel::report))
}
