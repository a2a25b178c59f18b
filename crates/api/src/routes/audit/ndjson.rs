//! A trail as lines of JSON: of any length, made as fast as the client reads it, in the memory of one chunk. If a line
//! cannot be made, the transfer is aborted, so that a truncated trail does not look complete.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use daybook_history::trail::{Entry, TrailError, Walk};
use error_reporter::Report;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tracing::error;

use crate::app::App;
use crate::problem::{ApiResult, Problem};

pub(super) const MEDIA_TYPE: &str = "application/x-ndjson";

/// Whether the client wants all of it as lines of JSON, instead of a page as an array.
pub(super) struct WantsLines(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for WantsLines {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(WantsLines(names_lines(&parts.headers)))
    }
}

fn names_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case(MEDIA_TYPE))
}

/// Answers with everything that `walk` reads. A failure before the first line becomes a problem.
pub(super) async fn lines(app: &App, mut walk: Walk) -> ApiResult {
    let Ok(permit) = Arc::clone(&app.exports).try_acquire_owned() else {
        let detail = "Too many exports are under way; ask again when one of them has ended.";
        return Err(Problem::unavailable("overloaded", detail, 5));
    };
    let first = walk.next().await?.unwrap_or_default();
    let first = stream::once(async move { to_lines(&first) });
    let rest = stream::try_unfold((walk, permit), next_lines);
    let body = first.chain(rest).inspect_err(|error| {
        error!(error = %Report::new(error), "an export of the trail broke off");
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
    Ok((headers, Body::from_stream(body)).into_response())
}

type Rest = (Walk, OwnedSemaphorePermit);

async fn next_lines((mut walk, permit): Rest) -> Result<Option<(Bytes, Rest)>, TrailError> {
    match walk.next().await? {
        Some(entries) => Ok(Some((to_lines(&entries)?, (walk, permit)))),
        None => Ok(None),
    }
}

fn to_lines(entries: &[Entry]) -> Result<Bytes, TrailError> {
    let mut lines = Vec::new();
    for entry in entries {
        let written = serde_json::to_writer(&mut lines, entry);
        written.map_err(|source| TrailError::Unshowable {
            position: entry.position,
            source,
        })?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wanted_where_they_are_named() {
        let wants = |accept: &'static str| {
            let value = HeaderValue::from_static(accept);
            names_lines(&[(header::ACCEPT, value)].into_iter().collect())
        };
        for lines in [
            "application/x-ndjson",
            "text/html, Application/X-NDJSON;q=0.9",
        ] {
            assert!(wants(lines), "{lines}");
        }
        for page in ["*/*", "application/json", "application/*", ""] {
            assert!(!wants(page), "{page}");
        }
        assert!(!names_lines(&HeaderMap::new()));
    }
}
