//! `Daybook-Min-Position`: a query that must see the client's own writes.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use daybook_log::Position;

use crate::app::App;
use crate::problem::{ApiResult, Problem};

pub(super) const HEADER: &str = "daybook-min-position";

/// The position that a query's read model must have reached.
#[derive(Clone, Copy)]
pub(crate) struct MinPosition(pub Option<Position>);

impl MinPosition {
    /// Waits for the read model, but no longer than the contract says.
    pub(crate) async fn reached(self, app: &App, read_model: &str) -> ApiResult<()> {
        let Some(position) = self.0 else {
            return Ok(());
        };
        let timeout = app.http.read_your_writes_timeout;
        app.read_models
            .wait_for(read_model, position, timeout)
            .await
            .map_err(|behind| {
                tracing::debug!(
                    read_model,
                    wanted = position,
                    position = behind.position,
                    "a read model is behind"
                );
                behind_problem()
            })
    }

    /// For queries on the log itself, which is behind only if it does not have the position yet.
    pub(crate) async fn reached_by_the_log(self, app: &App) -> ApiResult<()> {
        match self.0 {
            Some(position) if app.feed.head().await? < position => Err(behind_problem()),
            _ => Ok(()),
        }
    }
}

fn behind_problem() -> Problem {
    let detail = "What you wrote cannot be read yet; ask again.";
    Problem::unavailable("read-model-behind", detail, 1)
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
