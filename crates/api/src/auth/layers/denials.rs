//! Records in the security log whoever was refused: a caller who is not allowed to do something, who sent an invalid
//! token, or who sent too many requests. The answer shows it, whichever part refused the request.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use daybook_edge::network_of;
use daybook_identity::security::{Kind, SecurityLog};

use crate::auth::{Caller, RequestOrigin};
use crate::gateway::{ClientAddress, problem_code, request_id};

/// The layer's function, for `axum::middleware::from_fn_with_state`. It must be outside of all layers that refuse
/// requests.
pub(crate) async fn denials(
    State(log): State<SecurityLog>,
    request: Request,
    next: Next,
) -> Response {
    let origin = RequestOrigin::of(request.method(), request.extensions());
    let response = next.run(request).await;
    if let Some(kind) = denial(&response) {
        let told = response.extensions();
        let caller = told.get::<Caller>().and_then(Caller::user_id);
        let mut event = origin.context().event(kind).about(caller);
        let client = told.get::<ClientAddress>().map(|client| client.address);
        event.address = client.or(event.address);
        // A client with IPv6 has more addresses than there is room for rows.
        event.address = event.address.map(network_of);
        let request_id = response.headers().get(request_id::HEADER);
        event.request_id = request_id.and_then(|id| Some(id.to_str().ok()?.to_owned()));
        log.record(event);
    }
    response
}

fn denial(response: &Response) -> Option<Kind> {
    let code = || problem_code(response).unwrap_or_default();
    match response.status() {
        StatusCode::FORBIDDEN => Some(Kind::AccessDenied),
        // A request without a token is not an attempt.
        StatusCode::UNAUTHORIZED if code() == "invalid-token" => Some(Kind::AccessDenied),
        StatusCode::TOO_MANY_REQUESTS if code() == "rate-limited" => Some(Kind::RateLimited),
        _ => None,
    }
}
