//! Pages of keys: numbers and cursors.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_identity::api_key::{ApiKey, KeyPage, KeyPlace};
use daybook_projections::{Page, QueryError, Start};
use uuid::Uuid;

use crate::extract::PageParams;
use crate::problem::ApiResult;

/// Where the page begins, and how long it is.
pub(super) fn place(page: PageParams) -> ApiResult<(KeyPlace, u32)> {
    let paging = page.paging()?;
    let place = match paging.start {
        Start::Page(page) => KeyPlace::Offset(i64::from(page - 1) * i64::from(paging.limit)),
        Start::Cursor(cursor) => read(&cursor).ok_or(QueryError::BadCursor)?,
    };
    Ok((place, paging.limit))
}

pub(super) fn of(found: KeyPage) -> Page<ApiKey> {
    let ends = (found.keys.first(), found.keys.last());
    let cursor = |side: &str, key: &ApiKey| {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{side}:{}", key.id.simple()))
    };
    Page {
        next: ends
            .1
            .filter(|_| found.has_older)
            .map(|key| cursor("older", key)),
        prev: ends
            .0
            .filter(|_| found.has_newer)
            .map(|key| cursor("newer", key)),
        total: found.total,
        items: found.keys,
    }
}

fn read(cursor: &str) -> Option<KeyPlace> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (side, id) = text.split_once(':')?;
    let id = Uuid::parse_str(id).ok()?;
    match side {
        "older" => Some(KeyPlace::OlderThan(id)),
        "newer" => Some(KeyPlace::NewerThan(id)),
        _ => None,
    }
}
