//! How requests fail: a panic becomes a 500, a request that takes too long a 503, and every error is written as a
//! problem.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::timeout;
use tracing::{error, warn};

use crate::problem::{self, Problem};

/// Runs `answer` within `limit`. A command that was begun may still be executed after that.
pub(super) async fn contained(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    match timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            error!(panic = panic_message(&*panic), "a handler panicked");
            Problem::internal().into_response()
        }
        Err(_) => {
            warn!(
                limit_ms = limit.as_millis() as u64,
                "a request took too long"
            );
            let detail = "The request took too long. A command may still be carried out: repeat it with the same Idempotency-Key.";
            Problem::unavailable("timeout", detail, 1).into_response()
        }
    }
}

/// The code of the problem in an answer, for the outer layers.
#[derive(Clone)]
struct Code(String);

pub(crate) fn problem_code(response: &Response) -> Option<&str> {
    response.extensions().get().map(|Code(code)| &**code)
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
}

/// Gives a problem its body. Headers that the answer already has, such as `Allow`, stay. An error in a library's own
/// format becomes a problem, too.
pub(crate) fn written_out(mut response: Response, path: &str, request_id: &str) -> Response {
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .or_else(|| foreign(&response));
    let Some(problem) = problem else {
        return response;
    };
    let written = problem.respond(path, request_id);
    let (mut parts, _) = response.into_parts();
    let (written, body) = written.into_parts();
    parts.extensions.insert(Code(problem.code().to_owned()));
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(written.headers);
    Response::from_parts(parts, Body::new(body))
}

fn foreign(response: &Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(header::CONTENT_TYPE) == Some(&problem::CONTENT_TYPE) {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => Problem::unknown_route(),
        status if status.is_server_error() => Problem::internal(),
        status => Problem::new(
            status,
            "bad-request",
            "The request is not one that this path takes.",
        ),
    })
}
