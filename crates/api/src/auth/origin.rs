//! Where a request comes from, for security events.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{Extensions, Method};
use daybook_edge::network_of;
use daybook_identity::security::RequestContext;

use crate::gateway::{ClientAddress, RequestId};

#[derive(Clone, Debug)]
pub(crate) struct RequestOrigin {
    /// `None` where requests do not come over connections.
    address: Option<IpAddr>,
    method: Method,
    path: Option<MatchedPath>,
    request_id: Option<RequestId>,
}

impl RequestOrigin {
    pub(crate) fn of(method: &Method, extensions: &Extensions) -> RequestOrigin {
        RequestOrigin {
            address: extensions
                .get::<ClientAddress>()
                .map(|client| client.address),
            method: method.clone(),
            path: extensions.get().cloned(),
            request_id: extensions.get().cloned(),
        }
    }

    /// The same in the form that security events have.
    pub(crate) fn context(&self) -> RequestContext {
        let path = self.path.as_ref().map_or("unmatched", MatchedPath::as_str);
        RequestContext {
            address: self.address,
            network: self.address.map(network_of),
            route: Some(format!("{} {path}", self.method)),
            request_id: self.request_id.as_ref().map(RequestId::to_string),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(RequestOrigin::of(&parts.method, &parts.extensions))
    }
}
