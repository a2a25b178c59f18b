//! Pages of lists: `page` and `limit` in, `X-Total-Count` and `Link` out.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::IntoResponse;
use daybook_projections::{Page, Paging, QueryError, Start};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::query::invalid;
use crate::answer::json;
use crate::problem::{ApiResult, Problem};

const DEFAULT_LIMIT: u32 = 10;
pub(crate) const MAX_LIMIT: u32 = 100;
/// Larger than anybody needs; beyond it a cursor continues at no cost.
pub(crate) const MAX_PAGE: u32 = 1_000_000;

pub(crate) const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The parameters of every list that has numbered pages; beside a list's own in [`Paged`](super::Paged).
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    #[param(minimum = 1, maximum = 1_000_000)]
    pub(super) page: Option<u32>,
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<u32>,
    /// From a `Link` header; stands above `page`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    pub(super) cursor: Option<String>,
}

impl PageParams {
    /// The page that is asked for. A cursor, which a `Link` carries, stands above a page's number.
    pub(crate) fn paging(self) -> ApiResult<Paging> {
        let limit = limit(self.limit)?;
        let page = self.page.unwrap_or(1);
        if !(1..=MAX_PAGE).contains(&page) {
            return Err(invalid(
                "/page",
                "out-of-range",
                format!("page is 1 to {MAX_PAGE}."),
            ));
        }
        Ok(Paging {
            limit,
            start: self.cursor.map_or(Start::Page(page), Start::Cursor),
        })
    }
}

/// The size of a page.
pub(crate) fn limit(limit: Option<u32>) -> ApiResult<u32> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid(
            "/limit",
            "out-of-range",
            format!("limit is 1 to {MAX_LIMIT}."),
        ));
    }
    Ok(limit)
}

/// A page as an array, with links to its neighbours.
pub(crate) fn list<T, A: Serialize>(uri: &Uri, page: Page<T>, shape: impl Fn(T) -> A) -> ApiResult {
    let headers = page_headers(uri, &page);
    let items: Vec<A> = page.items.into_iter().map(shape).collect();
    Ok((headers, json(&items)?).into_response())
}

/// The headers with the total of all pages, and the links to the neighbours of this page.
pub(crate) fn page_headers<T>(uri: &Uri, page: &Page<T>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(TOTAL_COUNT, HeaderValue::from(page.total));
    if let Some(links) = links(uri, page.next.as_deref(), page.prev.as_deref()) {
        headers.insert(header::LINK, links);
    }
    headers
}

pub(crate) fn links(uri: &Uri, next: Option<&str>, prev: Option<&str>) -> Option<HeaderValue> {
    let link = |cursor: &str, rel: &str| format!("<{}>; rel=\"{rel}\"", with_cursor(uri, cursor));
    let links: Vec<String> = next
        .map(|cursor| link(cursor, "next"))
        .into_iter()
        .chain(prev.map(|cursor| link(cursor, "prev")))
        .collect();
    if links.is_empty() {
        return None;
    }
    HeaderValue::try_from(links.join(", ")).ok()
}

/// The URI of the same list from `cursor` on: every other parameter stays.
fn with_cursor(uri: &Uri, cursor: &str) -> String {
    let given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = given.filter(|(name, _)| name != "page" && name != "cursor");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("cursor", cursor)
        .finish();
    format!("{}?{query}", uri.path())
}

/// A query that failed: because of a forged cursor, or because of the database.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        match error {
            QueryError::BadCursor => invalid(
                "/cursor",
                "invalid-value",
                "Take cursors from the Link header.",
            ),
            QueryError::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(page: Option<u32>, limit: Option<u32>, cursor: Option<String>) -> ApiResult<Paging> {
        let params = PageParams {
            page,
            limit,
            cursor,
        };
        params.paging()
    }

    #[test]
    fn pages_and_limits_have_bounds() {
        assert!(matches!(
            paging(None, None, None).unwrap(),
            Paging {
                limit: 10,
                start: Start::Page(1)
            }
        ));
        assert!(matches!(
            paging(Some(3), Some(100), None).unwrap(),
            Paging {
                limit: 100,
                start: Start::Page(3)
            }
        ));
        assert!(matches!(
            paging(Some(3), None, Some("c".into())).unwrap().start,
            Start::Cursor(_)
        ));
        for (page, limit) in [
            (Some(0), None),
            (None, Some(0)),
            (None, Some(101)),
            (Some(MAX_PAGE + 1), None),
        ] {
            assert_eq!(paging(page, limit, None).unwrap_err().status(), 422);
        }
    }

    #[test]
    fn links_keep_the_filters_and_carry_a_cursor() {
        let uri: Uri = "/api/v1/products?q=a%20%26%20b&page=2&limit=5"
            .parse()
            .unwrap();
        assert_eq!(
            links(&uri, Some("n+/="), Some("p")).unwrap(),
            "</api/v1/products?q=a+%26+b&limit=5&cursor=n%2B%2F%3D>; rel=\"next\", \
             </api/v1/products?q=a+%26+b&limit=5&cursor=p>; rel=\"prev\""
        );
        assert_eq!(links(&uri, None, None), None);
    }
}
