//! Identifies the caller, for everyone who handles the request from here on.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::auth::{Caller, Callers};

/// The layer's function, for `axum::middleware::from_fn_with_state`.
pub(crate) async fn identify(
    State(callers): State<Callers>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut caller = Caller::identify(&callers, request.headers()).await;
    caller.confirm(&callers).await;
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    if response.status().is_client_error() {
        // For outer layers that record who the caller was.
        response.extensions_mut().insert(caller);
    }
    response
}
