//! Answers as bytes: a command's answer is recorded with its events, and repeated exactly.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use daybook_commands::{Answer, Answered, Refusal};
use daybook_domain::UserId;
use serde::Serialize;
use tracing::error;

use crate::etag::ETag;
use crate::problem::{ApiResult, Problem, of_refusal};

pub(crate) const POSITION: HeaderName = HeaderName::from_static("daybook-position");
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A resource's representation, before it is known whether the resource was created or changed.
pub(crate) struct Representation {
    body: Vec<u8>,
    etag: Option<ETag>,
    person: Option<UserId>,
}

impl Representation {
    pub(crate) fn of(body: &impl Serialize) -> Representation {
        Representation {
            body: to_bytes(body),
            etag: None,
            person: None,
        }
    }

    #[must_use]
    pub(crate) fn tagged(mut self, etag: ETag) -> Representation {
        self.etag = Some(etag);
        self
    }

    /// Marks that it contains personal data of `person`, so that a record of it must be encrypted.
    #[must_use]
    pub(crate) fn about(mut self, person: UserId) -> Representation {
        self.person = Some(person);
        self
    }

    pub(crate) fn ok(self) -> Answer {
        self.answer(StatusCode::OK, None)
    }

    pub(crate) fn created_at(self, location: String) -> Answer {
        self.answer(StatusCode::CREATED, Some(location))
    }

    fn answer(self, status: StatusCode, location: Option<String>) -> Answer {
        let mut headers = vec![content_type("application/json")];
        headers.extend(location.map(|location| (header::LOCATION.to_string(), location)));
        headers.extend(
            self.etag
                .map(|etag| (header::ETAG.to_string(), etag.to_string())),
        );
        Answer {
            status: status.as_u16(),
            headers,
            body: self.body,
            person: self.person,
        }
    }
}

pub(crate) fn no_content() -> Answer {
    Answer {
        status: StatusCode::NO_CONTENT.as_u16(),
        headers: Vec::new(),
        body: Vec::new(),
        person: None,
    }
}

/// A refusal is an answer too: its record contains the ids of the request that was first refused.
pub(crate) fn refused(refusal: &Refusal, path: &str, request_id: &str) -> Answer {
    let problem = of_refusal(refusal);
    Answer {
        status: problem.status().as_u16(),
        headers: vec![content_type("application/problem+json")],
        body: problem.render(path, request_id),
        person: None,
    }
}

fn content_type(value: &str) -> (String, String) {
    (header::CONTENT_TYPE.to_string(), value.to_owned())
}

/// Makes the HTTP response of a command's answer.
pub(crate) fn to_response(answered: Answered) -> Response {
    let Answered {
        answer,
        position,
        replayed,
    } = answered;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(POSITION, HeaderValue::from(position));
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// A query's answer. (axum's own `Json` reports an encoding error in its own format.)
pub(crate) fn json(body: &impl Serialize) -> ApiResult {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        error!(%error, "an answer could not be written as JSON");
        Problem::internal()
    })?;
    Ok((
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        bytes,
    )
        .into_response())
}

fn to_bytes(body: &impl Serialize) -> Vec<u8> {
    // Answers are structs of strings, numbers and exact decimals, which always serialise.
    serde_json::to_vec(body).unwrap_or_default()
}

/// Whether the command was executed just now: neither earlier nor refused.
pub(crate) fn carried_out(answered: &Answered) -> bool {
    !answered.replayed && (200..300).contains(&answered.answer.status)
}
