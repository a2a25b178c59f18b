//! `X-Request-Id`: the client's if it is valid, a new one otherwise.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// Always visible ASCII.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    pub fn take_or_make(headers: &HeaderMap) -> RequestId {
        match headers.get(HEADER) {
            Some(given) if is_sane(given.as_bytes()) => RequestId(given.clone()),
            _ => RequestId::fresh(),
        }
    }

    fn fresh() -> RequestId {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().as_hyphenated().encode_lower(&mut buffer);
        // Hexadecimal digits and hyphens are a valid header value.
        RequestId(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub fn into_header(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_sane(given: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&given.len()) && given.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
        RequestId::take_or_make(&headers).to_string()
    }

    #[test]
    fn a_sane_id_is_taken_and_any_other_replaced() {
        assert_eq!(id_for(b"abc-123"), "abc-123");
        for odd in [&b""[..], b"a b", &[b'x'; 129], b"caf\xe9"] {
            assert!(Uuid::parse_str(&id_for(odd)).is_ok(), "{odd:?}");
        }
        let fresh = RequestId::take_or_make(&HeaderMap::new());
        assert_eq!(
            Uuid::parse_str(fresh.as_str()).unwrap().get_version_num(),
            7
        );
    }
}
