//! The projection in a path.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use daybook_projections::projection::Projection;
use daybook_projections::registry::projection;
use utoipa::IntoParams;

use crate::app::App;
use crate::problem::Problem;

pub(super) struct Named(pub(super) Arc<dyn Projection>);

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let unknown = "No projection has this name; GET /api/v1/projections lists them.";
        Path::<String>::from_request_parts(parts, app)
            .await
            .ok()
            .and_then(|Path(name)| projection(&name).ok())
            .map(Named)
            .ok_or_else(|| Problem::not_found(unknown))
    }
}

/// The projection.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "only describes")]
pub(super) struct NameParam {
    #[param(example = "catalog")]
    name: String,
}
