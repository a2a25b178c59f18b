//! An answer that is the same for everyone.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use daybook_projections::Page;
use serde::{Deserialize, Serialize};
use tracing::error;
use xxhash_rust::xxh3::Xxh3;

use crate::etag::ETag;
use crate::extract::{CacheDirectives, TOTAL_COUNT, links};
use crate::problem::{ApiResult, Problem};

/// An answer that is ready to be sent. Its links are stored as cursors, since each link repeats the query in the
/// client's own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedAnswer {
    head: Head,
    body: Bytes,
}

/// The answer without its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Includes the quotes.
    etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
}

impl CachedAnswer {
    /// Tagged with a digest.
    pub(crate) fn of(body: &impl Serialize) -> ApiResult<CachedAnswer> {
        CachedAnswer::digested(Head::default(), body)
    }

    /// A page as an array, tagged with a digest.
    pub(crate) fn page<T, A: Serialize>(
        page: Page<T>,
        shape: impl Fn(T) -> A,
    ) -> ApiResult<CachedAnswer> {
        let head = Head {
            etag: String::new(),
            total: Some(page.total),
            next: page.next,
            prev: page.prev,
        };
        let items: Vec<A> = page.items.into_iter().map(shape).collect();
        CachedAnswer::digested(head, &items)
    }

    /// A single resource, tagged with its versions.
    pub(crate) fn tagged(body: &impl Serialize, etag: ETag) -> ApiResult<CachedAnswer> {
        let head = Head {
            etag: etag.to_string(),
            ..Head::default()
        };
        let body = to_bytes(body)?;
        Ok(CachedAnswer { head, body })
    }

    /// The digest covers the whole answer. A page can stay the same while the total changes, and a client that has the
    /// page must notice that.
    fn digested(mut head: Head, body: &impl Serialize) -> ApiResult<CachedAnswer> {
        let body = to_bytes(body)?;
        let mut digest = Xxh3::new();
        digest.update(&body);
        digest.update(&to_bytes(&head)?);
        head.etag = format!("\"{:032x}\"", digest.digest128());
        Ok(CachedAnswer { head, body })
    }

    pub(super) fn from_parts(head: Head, body: Bytes) -> CachedAnswer {
        CachedAnswer { head, body }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The approximate size in memory.
    pub(super) fn size(&self) -> usize {
        let Head {
            etag, next, prev, ..
        } = &self.head;
        let texts = [Some(etag), next.as_ref(), prev.as_ref()];
        size_of::<Self>()
            + self.body.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// The answer for a client that asked for `uri`, or 304 if the client already has it.
    pub(crate) fn respond(&self, uri: &Uri, directives: &CacheDirectives) -> ApiResult {
        let etag = HeaderValue::try_from(&self.head.etag).map_err(|error| {
            error!(%error, "an answer's tag is not a valid header value");
            Problem::internal()
        })?;
        let mut headers = HeaderMap::with_capacity(3);
        if let Some(total) = self.head.total {
            headers.insert(TOTAL_COUNT, HeaderValue::from(total));
        }
        let (next, prev) = (self.head.next.as_deref(), self.head.prev.as_deref());
        if let Some(links) = links(uri, next, prev) {
            headers.insert(header::LINK, links);
        }
        let mut response: Response = directives.answer(etag, self.body.clone());
        response.headers_mut().extend(headers);
        Ok(response)
    }
}

fn to_bytes(body: &impl Serialize) -> ApiResult<Bytes> {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        error!(%error, "an answer could not be written as JSON");
        Problem::internal()
    })?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: Vec<i64>, total: i64, next: Option<&str>) -> CachedAnswer {
        let page = Page {
            items,
            total,
            next: next.map(str::to_owned),
            prev: None,
        };
        CachedAnswer::page(page, |item| item).unwrap()
    }

    #[test]
    fn equal_answers_have_equal_tags_and_no_others_do() {
        let answers = [
            page(vec![1, 2], 2, None),
            page(vec![1, 2], 3, None),
            page(vec![1, 2], 3, Some("c")),
            page(vec![2, 1], 2, None),
            page(vec![], 2, None),
            CachedAnswer::of(&[1, 2]).unwrap(),
        ];
        for (at, one) in answers.iter().enumerate() {
            assert_eq!(one.head.etag.len(), 34);
            for other in &answers[at + 1..] {
                assert_ne!(one.head.etag, other.head.etag);
            }
        }
        assert_eq!(answers[1], page(vec![1, 2], 3, None));
    }
}
