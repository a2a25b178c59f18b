//! The one list of projections.

use std::sync::Arc;

use crate::{
    analytics::Analytics, catalog::Catalog, orders::Orders, projection::Projection, trail::Trail,
    users::Users,
};

/// All projections, in the order in which they are shown.
pub fn registry() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(Catalog),
        Arc::new(Orders),
        Arc::new(Users),
        Arc::new(Analytics),
        Arc::new(Trail),
    ]
}

/// The projection of this name.
pub fn projection(name: &str) -> Result<Arc<dyn Projection>, UnknownProjection> {
    registry()
        .into_iter()
        .find(|projection| projection.name() == name)
        .ok_or_else(|| UnknownProjection(name.to_owned()))
}

/// There is no projection of this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no projection {0:?}, but {names}", names = names())]
pub struct UnknownProjection(pub String);

impl UnknownProjection {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        "name one of those"
    }
}

fn names() -> String {
    let names: Vec<_> = registry()
        .iter()
        .map(|projection| projection.name())
        .collect();
    names.join(", ")
}
