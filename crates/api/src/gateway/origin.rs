//! Where a request comes from, for security events.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{Extensions, Method};
use chrono::Utc;
use daybook_identity::security::{Kind, SecurityEvent};

use super::client_address::ClientAddress;
use super::request_id::RequestId;

pub(super) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ClientAddress>()
        .map(|client| client.address)
}

#[derive(Clone, Debug)]
pub(crate) struct RequestOrigin {
    /// `None` if requests do not come over connections, as in tests.
    pub(crate) address: Option<IpAddr>,
    method: Method,
    path: Option<MatchedPath>,
    request_id: Option<RequestId>,
}

impl RequestOrigin {
    pub(super) fn of(method: &Method, extensions: &Extensions) -> RequestOrigin {
        RequestOrigin {
            address: client_address(extensions),
            method: method.clone(),
            path: extensions.get().cloned(),
            request_id: extensions.get().cloned(),
        }
    }

    /// An event that happened in this request.
    pub(crate) fn event(&self, kind: Kind) -> SecurityEvent {
        let path = self.path.as_ref().map_or("unmatched", MatchedPath::as_str);
        let mut event = SecurityEvent::new(kind, Utc::now());
        event.address = self.address;
        event.route = Some(format!("{} {path}", self.method));
        event.request_id = self.request_id.as_ref().map(RequestId::to_string);
        event
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(RequestOrigin::of(&parts.method, &parts.extensions))
    }
}
