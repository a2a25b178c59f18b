//! The endpoints, a file for each resource: handlers, request and answer types, and the resource's router.
//! [`api`] is the one list of resources.

mod analytics;
mod api_keys;
mod audit;
mod categories;
pub(crate) mod docs;
mod erasure;
mod facets;
mod headers;
pub(crate) mod jwks;
mod oidc;
pub(crate) mod operations;
mod order_steps;
mod orders;
mod price_history;
mod products;
mod projections;
mod security_events;
mod sessions;
mod stock;
mod usage;
mod users;

use crate::app::App;
use crate::auth::Routes;

/// Every resource; their paths begin with [`crate::app::BASE`].
pub(crate) fn api() -> Routes<App> {
    Routes::new()
        .merge(sessions::router())
        .merge(oidc::router())
        .merge(security_events::router())
        .merge(users::router())
        .merge(erasure::router())
        .merge(api_keys::router())
        .merge(categories::router())
        .merge(facets::router())
        .merge(products::router())
        .merge(price_history::router())
        .merge(stock::router())
        .merge(orders::router())
        .merge(order_steps::router())
        .merge(projections::router())
        .merge(audit::router())
        .merge(analytics::router())
        .merge(usage::router())
}
