//! The web origins whose pages may use the API from a browser.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::CorsLayer;
use url::Url;

/// The longest time that any browser caches a preflight's answer.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

const METHODS: [Method; 5] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
];

/// Headers beyond those that a browser lets every page send. Cookies are not among them: a page authenticates by an
/// access token, so credentials are not allowed.
const SENT: [HeaderName; 10] = [
    ACCEPT,
    AUTHORIZATION,
    CONTENT_TYPE,
    IF_MATCH,
    IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("daybook-min-position"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

const SHOWN: [HeaderName; 10] = [
    ETAG,
    LINK,
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("x-total-count"),
    HeaderName::from_static("daybook-position"),
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// A web origin, `https://shop.example`, exactly as browsers send it in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    #[error("any page on the web could then use the API in its visitors' name; list the origins")]
    Any,
    #[error(
        "an origin is a scheme and a host, and a port where it isn't the usual one: https://shop.example"
    )]
    Malformed,
    #[error("browsers write this origin as {0}")]
    Unusual(String),
}

impl FromStr for WebOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<WebOrigin, InvalidOrigin> {
        if text == "*" {
            return Err(InvalidOrigin::Any);
        }
        let url = Url::parse(text).map_err(|_| InvalidOrigin::Malformed)?;
        let origin = url.origin().ascii_serialization();
        let is_of_the_web = matches!(url.scheme(), "http" | "https");
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if !is_of_the_web || !is_bare || url.fragment().is_some() || !url.username().is_empty() {
            return Err(InvalidOrigin::Malformed);
        }
        if origin != text {
            return Err(InvalidOrigin::Unusual(origin));
        }
        let value = HeaderValue::from_str(text).map_err(|_| InvalidOrigin::Malformed)?;
        Ok(WebOrigin(value))
    }
}

/// Answers preflights, and tells browsers which pages may read the other answers; `None` if no page may.
pub(crate) fn layer(origins: &[WebOrigin]) -> Option<CorsLayer> {
    let allowed: Vec<HeaderValue> = origins.iter().map(|origin| origin.0.clone()).collect();
    (!allowed.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods(METHODS)
            .allow_headers(SENT)
            .expose_headers(SHOWN)
            .max_age(MAX_AGE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for origin in [
            "https://shop.example",
            "http://localhost:5173",
            "https://[::1]:8443",
        ] {
            assert!(origin.parse::<WebOrigin>().is_ok(), "{origin}");
        }
        for (text, wanted) in [
            ("https://shop.example/", "https://shop.example"),
            ("https://Shop.example", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
        ] {
            let refused = text.parse::<WebOrigin>().unwrap_err();
            assert_eq!(refused, InvalidOrigin::Unusual(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_and_everybody_is_none() {
        assert_eq!("*".parse::<WebOrigin>(), Err(InvalidOrigin::Any));
        for text in [
            "",
            "null",
            "shop.example",
            "https://",
            "https://*.shop.example/x",
            "https://shop.example/admin",
            "https://shop.example?x",
            "https://me@shop.example",
            "ftp://shop.example",
            "file:///etc",
        ] {
            assert_eq!(
                text.parse::<WebOrigin>(),
                Err(InvalidOrigin::Malformed),
                "{text}"
            );
        }
    }
}
