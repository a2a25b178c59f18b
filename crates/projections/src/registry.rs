//! The one list of projections.

use std::sync::Arc;

use crate::{catalog::Catalog, orders::Orders, projection::Projection, users::Users};

/// Every projection there is, in the order in which they are shown.
pub fn registry() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(Catalog), Arc::new(Orders), Arc::new(Users)]
}
