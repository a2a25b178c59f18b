//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::problem::Problem;

/// The id in a route's path. A text that is not a UUID is answered with 404, because nothing has such an id.
pub(crate) struct Id<T>(pub T);

impl<S: Send + Sync, T: From<Uuid>> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found("The path is not readable as UTF-8."))?;
        Hyphenated::from_str(&text)
            .map(|id| Id(T::from(id.into_uuid())))
            .map_err(|_| Problem::nothing_here())
    }
}
