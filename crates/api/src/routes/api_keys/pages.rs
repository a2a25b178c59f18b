//! Pages of keys: numbers and cursors.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_identity::api_key::{ApiKey, KeyPage, KeyPlace};
use daybook_projections::{Page, QueryError, Start};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::extract::paging;
use crate::problem::ApiResult;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From a `Link` header; stands above `page`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl ListQuery {
    /// The start of the page, and its size.
    pub(super) fn place(self) -> ApiResult<(KeyPlace, u32)> {
        let paging = paging(self.page, self.limit, self.cursor)?;
        let place = match paging.start {
            Start::Page(page) => KeyPlace::Offset(i64::from(page - 1) * i64::from(paging.limit)),
            Start::Cursor(cursor) => read(&cursor).ok_or(QueryError::BadCursor)?,
        };
        Ok((place, paging.limit))
    }
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
