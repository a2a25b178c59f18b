//! `If-Match` and `If-None-Match`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use daybook_commands::CommandBus;
use daybook_domain::StreamId;
use serde::Serialize;

use crate::answer::json;
use crate::etag::{Condition, ETag, Tag};
use crate::problem::{ApiResult, Problem};

/// The versions of a resource that a change is meant for.
pub(crate) struct IfMatch(Condition);

/// A version that no stream ever has.
const NEVER: i64 = -1;

impl IfMatch {
    /// The version of `stream` that a command must expect; `None` if any will do.
    pub(crate) async fn expected(
        self,
        commands: &CommandBus,
        stream: StreamId,
    ) -> ApiResult<Option<i64>> {
        let Condition::Tags(tags) = self.0 else {
            return Ok(None);
        };
        let versions: Vec<i64> = tags.iter().filter_map(Tag::own_version).collect();
        match versions[..] {
            [] => Ok(Some(NEVER)),
            [only] => Ok(Some(only)),
            [first, ..] => {
                let current = commands.load(stream).await?.version;
                Ok(Some(if versions.contains(&current) {
                    current
                } else {
                    first
                }))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Condition::if_match(&parts.headers).map(IfMatch)
    }
}

/// The representations that the client already has.
pub(crate) struct IfNoneMatch(Condition);

impl IfNoneMatch {
    fn holds(&self, current: ETag) -> bool {
        self.0.holds(current)
    }
}

/// A malformed condition counts as none: the client then gets the full answer.
impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(IfNoneMatch(
            Condition::if_none_match(&parts.headers).unwrap_or(Condition::Absent),
        ))
    }
}

/// A single resource, or 304 if the client already has this version.
pub(crate) fn tagged(body: &impl Serialize, etag: ETag, held: &IfNoneMatch) -> ApiResult {
    let tag = [(header::ETAG, HeaderValue::from(etag))];
    if held.holds(etag) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, json(body)?).into_response())
}
