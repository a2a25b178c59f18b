//! `Daybook-Min-Position`: a query that must see the client's own writes.

use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use daybook_log::{Feed, Position};
use daybook_projections::ReadModels;

use crate::problem::{ApiResult, Problem};

pub(super) const HEADER: &str = "daybook-min-position";

/// The position that a query's read model must have reached.
#[derive(Clone, Copy)]
pub(crate) struct MinPosition(pub Option<Position>);

/// The read models in which queries wait for a position, and how long they wait.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) read_models: ReadModels,
    pub(crate) patience: Duration,
}

impl MinPosition {
    /// Waits for the read model, but no longer than the contract says.
    pub(crate) async fn reached<S>(self, state: &S, read_model: &str) -> ApiResult<()>
    where
        Waiting: FromRef<S>,
    {
        let Some(position) = self.0 else {
            return Ok(());
        };
        let Waiting {
            read_models,
            patience,
        } = Waiting::from_ref(state);
        let waited = read_models.wait_for(read_model, position, patience).await;
        waited.map_err(|behind| {
            tracing::debug!(
                read_model,
                wanted = position,
                position = behind.position,
                "a read model is behind"
            );
            Problem::read_model_behind()
        })
    }

    /// For queries on the log itself, which is behind only if it does not have the position yet.
    pub(crate) async fn reached_by_the_log<S>(self, state: &S) -> ApiResult<()>
    where
        Feed: FromRef<S>,
    {
        match self.0 {
            Some(position) if Feed::from_ref(state).head().await? < position => {
                Err(Problem::read_model_behind())
            }
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MinPosition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(MinPosition(None));
        };
        let position = value
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match (position.and_then(|text| text.parse().ok()), values.next()) {
            (Some(position), None) => Ok(MinPosition(Some(position))),
            _ => {
                let detail = "Daybook-Min-Position is a whole number, as Daybook-Position had it.";
                Err(Problem::bad_request("malformed-position", detail))
            }
        }
    }
}
