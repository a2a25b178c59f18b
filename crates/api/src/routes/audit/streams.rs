//! Streams as they are in the log: who changed what, when and on whose behalf.

use axum::extract::State;
use axum::http::Uri;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_domain::StreamId;
use daybook_history::trail::Entry;
use daybook_projections::{Page, Paging, Start};
use utoipa_axum::routes;

use super::entitled::may_read;
use super::ndjson::{WantsLines, lines};
use super::stream::{Stream, StreamParam};
use crate::app::App;
use crate::auth::{Access, Customer, Effect, Routes};
use crate::extract::{MinPosition, PageParams, Query, invalid_parameter, list};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::Owner, Effect::Reads, routes!(read_stream))
}

/// A stream's events, the oldest first.
///
/// For administrators, and for others the streams of their own account and their own orders. As
/// `application/x-ndjson` all of it, an entry on each line, whatever `page`, `limit` and `cursor` say.
#[utoipa::path(
    get, path = "/api/v1/audit/streams/{type}/{id}", operation_id = "readStream", tag = "operations",
    params(StreamParam, PageParams),
    responses((status = 200, description = "A page of the stream, or all of it", content(
        (Vec<Entry> = "application/json"), (Entry = "application/x-ndjson")))),
)]
async fn read_stream(
    State(app): State<App>,
    caller: Customer,
    Stream(stream): Stream,
    min_position: MinPosition,
    WantsLines(wants_lines): WantsLines,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let paging = page.paging()?;
    min_position.reached_by_the_log(&app).await?;
    may_read(&app, caller, stream).await?;
    let length = app.feed.length_of(stream).await?;
    if length == 0 {
        return Err(Problem::nothing_here());
    }
    if wants_lines {
        return lines(&app, app.trail().walk_stream(stream, length)).await;
    }
    let page = read_page(&app, stream, length, &paging).await?;
    list(&uri, page, |entry| entry)
}

async fn read_page(
    app: &App,
    stream: StreamId,
    total: i64,
    paging: &Paging,
) -> ApiResult<Page<Entry>> {
    let after = first_before(paging)?;
    let limit = i64::from(paging.limit);
    let events = app.feed.read_each_of(stream, after, limit).await?;
    let items = app.trail().entries(events).await?;
    let next = (after + limit < total).then(|| cursor(after + limit));
    let prev = (after > 0).then(|| cursor((after - limit).max(0)));
    Ok(Page {
        items,
        total,
        next,
        prev,
    })
}

/// Sequences have no gaps, so the start of a page can be computed; a cursor is the sequence before it.
fn first_before(paging: &Paging) -> ApiResult<i64> {
    match &paging.start {
        Start::Page(page) => Ok((i64::from(*page) - 1) * i64::from(paging.limit)),
        Start::Cursor(text) => sequence(text).ok_or_else(|| {
            invalid_parameter(
                "/cursor",
                "invalid-value",
                "Take cursors from the Link header.",
            )
        }),
    }
}

fn cursor(after: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("after:{after}"))
}

fn sequence(cursor: &str) -> Option<i64> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("after:")?
        .parse()
        .ok()
        .filter(|after| (0..i64::MAX / 2).contains(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given() {
        assert_eq!(sequence(&cursor(40)), Some(40));
        for forged in ["", "x", "YWZ0ZXI6", &cursor(-1), &cursor(i64::MAX), "!!!"] {
            assert_eq!(sequence(forged), None, "{forged}");
        }
    }
}
