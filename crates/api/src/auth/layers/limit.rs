//! Limits the requests of identified callers, and those of everybody by the counts that all servers of the shop share.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use daybook_identity::{Means, Principal};
use uuid::Uuid;

use crate::auth::Caller;
use crate::gateway::Gateway;

/// The layer's function, for `axum::middleware::from_fn_with_state`; inside the layer that identifies the caller.
pub async fn limit_caller(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some((limiter, admitted)) = gateway.take_admitted(request.extensions_mut()) else {
        return next.run(request).await;
    };
    let principal = match Caller::of(request.extensions()) {
        Caller::Known(known) => Some(limited_as(&known.principal)),
        Caller::Anonymous | Caller::Refused(_) => None,
    };
    let verdict = limiter.check_caller(admitted, principal).await;
    let mut response = match verdict.refused() {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    // The outer layer writes the headers, since not every request gets this far.
    response.extensions_mut().insert(verdict);
    response
}

/// All sessions of a person count together; each API key counts on its own.
fn limited_as(principal: &Principal) -> Uuid {
    match principal.means {
        Means::Session { .. } => principal.user_id.as_uuid(),
        Means::ApiKey { id } => id,
    }
}
