//! The security headers of every answer.

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use daybook_edge::OverTls;

use super::Gateway;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// An answer of the API is not a page: if a browser shows it as one, it must load and run nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Pages use only resources of this server. Swagger UI sets styles on its elements, so inline styles are allowed; its
/// icons are `data:` URLs.
const OWN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()");

const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// The properties of a request that determine the headers of its answer.
pub(super) struct Guard {
    is_secure: bool,
    is_private: bool,
}

impl Guard {
    /// `is_behind_https`: a proxy before this server accepts requests over TLS.
    pub(super) fn of(request: &Request, is_behind_https: bool) -> Guard {
        Guard {
            is_secure: is_behind_https || request.extensions().get::<OverTls>().is_some(),
            is_private: request.headers().contains_key(AUTHORIZATION)
                || !request.method().is_safe(),
        }
    }

    /// Headers that a handler has set stay, except for those that every answer must have.
    pub(super) fn secure(self, response: &mut Response) {
        // Browsers apply the headers of a 304 to the answer that they have cached.
        let is_whole = response.status() != StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if self.is_secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
        }
        let is_page = is_page(headers);
        let mut otherwise = |name, value| {
            headers.entry(name).or_insert(value);
        };
        otherwise(RESOURCE_POLICY, SAME_ORIGIN);
        if is_page {
            otherwise(OPENER_POLICY, SAME_ORIGIN);
            otherwise(PERMISSIONS_POLICY, NO_DEVICES);
        }
        if is_whole {
            otherwise(CONTENT_SECURITY_POLICY, if is_page { OWN } else { NOTHING });
        }
        if self.is_private {
            otherwise(CACHE_CONTROL, NO_STORE);
        }
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// For requests that are answered before they reach the gateway.
pub(crate) async fn secured(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Response {
    let guard = gateway.guard(&request);
    let mut response = next.run(request).await;
    guard.secure(&mut response);
    response
}
