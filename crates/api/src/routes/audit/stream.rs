//! The stream in a path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use daybook_domain::{AggregateType, StreamId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::app::App;
use crate::problem::Problem;

/// From `/audit/streams/{type}/{id}`; a path that is no stream's is answered with 404.
pub(crate) struct Stream(pub StreamId);

/// Describes [`Stream`].
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct StreamParam {
    #[param(inline)]
    r#type: TypeName,
    id: Uuid,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the domain's type")]
pub(crate) enum TypeName {
    User,
    Category,
    Product,
    Stock,
    Order,
}

impl FromRequestParts<App> for Stream {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((aggregate_type, id)) = path.map_err(|_| Problem::nothing_here())?;
        let aggregate_type: AggregateType = aggregate_type
            .parse()
            .map_err(|_| Problem::nothing_here())?;
        let id = Hyphenated::from_str(&id).map_err(|_| Problem::nothing_here())?;
        Ok(Stream(StreamId::new(aggregate_type, id.into_uuid())))
    }
}
