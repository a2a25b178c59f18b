//! The condition of a public query, and what caches on the way to the client may do with its answer.
//!
//! Caches may store the answer, but must revalidate it before each use (`no-cache`): stock changes by the second, and a
//! cached answer would ignore `Daybook-Min-Position`. `Vary` keeps stored answers from clients that send that header or
//! credentials; answers to those are only for their own caches. So even a cache that is configured to serve stale
//! answers has none for them.

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

pub(crate) struct CacheDirectives {
    held: Condition,
    control: HeaderValue,
}

impl CacheDirectives {
    /// The `body` as JSON, or 304 if the client already has it. Both have the same caching headers.
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

/// A malformed condition counts as none: the client then gets the full answer.
impl<S: Send + Sync> FromRequestParts<S> for CacheDirectives {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let of_someone =
            headers.contains_key(header::AUTHORIZATION) || headers.contains_key(position::HEADER);
        Ok(CacheDirectives {
            held: Condition::if_none_match(headers).unwrap_or(Condition::Absent),
            control: if of_someone { FOR_ONE } else { FOR_ALL },
        })
    }
}
