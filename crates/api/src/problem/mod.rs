//! Errors as RFC 9457 answers, in the one place that knows their shape. Handlers and extractors return a [`Problem`];
//! the gateway, which knows the request's id and path, writes its body. `refusal` gives the commands' refusals their
//! status.

mod accounts;
mod database;
mod refusal;

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use daybook_domain::{InvalidField, ProductId};
use daybook_log::Position;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use refusal::{of_refusal, unreachable_database};

pub(crate) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A newer version is not rolled out within seconds.
const UNKNOWN_EVENT_RETRY_S: u32 = 60;

pub(crate) type ApiResult<T = Response> = Result<T, Problem>;

/// An error for the client. It contains only what it was given.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    products: Vec<ShortProduct>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One field or parameter that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body; for a query parameter or a header, `/` and its name.
    pub pointer: String,
    /// Stable, for programs.
    pub code: Cow<'static, str>,
    /// A sentence for people.
    pub detail: Cow<'static, str>,
}

/// What is left of a product that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShortProduct {
    #[schema(value_type = uuid::Uuid)]
    pub product_id: ProductId,
    pub requested: u32,
    pub available: u64,
}

/// The body of every error answer, `application/problem+json`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Identifies the kind of problem: `/problems/` and the code.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// Stable, for programs: `out-of-stock`, `version-conflict` …
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// With `out-of-stock`: the products of which there is less than was asked for, and what is left.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    products: &'a [ShortProduct],
}

impl Problem {
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem(Box::new(Inner {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            products: Vec::new(),
            headers: Vec::new(),
        }))
    }

    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// No token, or one that is not valid.
    pub fn unauthorized(
        code: &'static str,
        detail: &'static str,
        challenge: &'static str,
    ) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, code, detail).with_header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        )
    }

    pub fn forbidden(detail: &'static str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub fn read_model_behind() -> Problem {
        let detail = "What you wrote cannot be read yet; ask again.";
        Problem::unavailable("read-model-behind", detail, 1)
    }

    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(crate) fn unknown_route() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-route",
            "There is nothing at this path; see /docs.",
        )
    }

    /// Also for resources of somebody else.
    pub fn nothing_here() -> Problem {
        Problem::not_found("Nothing that you may see has this id.")
    }

    pub fn unprocessable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// A single invalid field, which is also the problem's detail.
    pub fn invalid_field(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        let error = FieldError {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        };
        Problem::unprocessable(InvalidField::REJECTION_CODE, error.detail.clone()).with_error(error)
    }

    pub fn unavailable(code: &'static str, detail: &'static str, retry_after_s: u32) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry_after(retry_after_s)
    }

    /// An event whose stream's state cannot be told, because this binary does not know it; the caller logs that. Another
    /// server may, while a newer version replaces this one.
    pub fn unknown_event(position: Position, event_type: &str) -> Problem {
        let detail = format!(
            "This version of Daybook does not know the event at position {position} ({event_type}), and can do nothing \
             that rests on it. A server of the version that wrote it can."
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unknown-event", detail)
            .with_retry_after(UNKNOWN_EVENT_RETRY_S)
    }

    /// Tells the client nothing about the cause; the caller logs that.
    pub fn internal() -> Problem {
        let detail = "Something went wrong on our side. Mention the requestId when you report it.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail)
    }

    pub fn with_error(mut self, error: FieldError) -> Problem {
        self.0.errors.push(error);
        self
    }

    pub fn with_products(mut self, products: Vec<ShortProduct>) -> Problem {
        self.0.products = products;
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.push((name, value));
        self
    }

    pub fn with_retry_after(self, seconds: u32) -> Problem {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub fn with_code(mut self, code: &'static str) -> Problem {
        self.0.code = code.into();
        self
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The bytes of the body, for the request `request_id` to the path `instance`.
    pub fn render(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let body = ProblemBody {
            kind: format!("/problems/{}", self.0.code),
            title: title(&self.0.code),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            instance,
            code: &self.0.code,
            request_id,
            errors: &self.0.errors,
            products: &self.0.products,
        };
        // Strings and numbers only, which always serialise.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The whole answer with its body.
    pub fn respond(&self, instance: &str, request_id: &str) -> Response {
        let mut response = (self.0.status, self.render(instance, request_id)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        headers.extend(self.0.headers.iter().cloned());
        response
    }
}

/// The code in words: `out-of-stock` becomes "Out of stock". The same for every occurrence, as RFC 9457 requires.
fn title(code: &str) -> String {
    let mut words = code.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// Without a body: the gateway takes the problem out of the answer and writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_has_it() {
        let problem =
            Problem::invalid_field("/items/0/quantity", "out-of-range", "Order at least one.");
        let body: serde_json::Value =
            serde_json::from_slice(&problem.render("/api/v1/orders", "r-1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/problems/invalid-field", "title": "Invalid field", "status": 422,
                "detail": "Order at least one.", "instance": "/api/v1/orders", "code": "invalid-field",
                "requestId": "r-1",
                "errors": [{"pointer": "/items/0/quantity", "code": "out-of-range", "detail": "Order at least one."}],
            })
        );
    }

    #[test]
    fn an_answer_carries_its_headers() {
        let response = Problem::unavailable("overloaded", "Busy.", 1).respond("/", "r");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }
}
