//! How a public query is asked, and what caches on the way to the client may do with its answer.
//!
//! They may keep it, and have to ask whether it is still true before each use (`no-cache`): stock changes by the
//! second, and an answer of theirs would know nothing of `Daybook-Min-Position`. `Vary` keeps what they have from
//! anyone who sends that header, or says who they are; what those are answered is for their own caches only. So
//! even a cache that was told to serve what is stale has nothing for them.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::position;
use crate::etag::Condition;

const FOR_ALL: HeaderValue = HeaderValue::from_static("public, no-cache");
const FOR_ONE: HeaderValue = HeaderValue::from_static("private, no-cache");
const VARIES: HeaderValue = HeaderValue::from_static("authorization, daybook-min-position");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) struct Asked {
    held: Condition,
    control: HeaderValue,
}

impl Asked {
    /// `body` as JSON, or 304 where the client has it. Both tell caches the same.
    pub(crate) fn answer(&self, etag: HeaderValue, body: Bytes) -> Response {
        let held = self.held.names(&etag);
        let headers = [
            (header::ETAG, etag),
            (header::CACHE_CONTROL, self.control.clone()),
            (header::VARY, VARIES),
        ];
        if held {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, JSON)], body).into_response()
    }
}

/// A malformed condition is none: the client is then answered in full.
impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let of_someone =
            headers.contains_key(header::AUTHORIZATION) || headers.contains_key(position::HEADER);
        Ok(Asked {
            held: Condition::if_none_match(headers).unwrap_or(Condition::Absent),
            control: if of_someone { FOR_ONE } else { FOR_ALL },
        })
    }
}
