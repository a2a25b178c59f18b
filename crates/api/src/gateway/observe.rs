//! Every request leaves one line in the log and one count in the metrics. Neither contains a query string, a body or
//! anything else that a person typed.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::response::Response;
use tracing::info;

use super::measure;
use super::request_id::{HEADER, RequestId};

pub(super) struct Observation {
    started: Instant,
    request_id: RequestId,
    method: Method,
    uri: Uri,
    route: Option<MatchedPath>,
}

impl Observation {
    /// Gives the request its id, for everyone who handles it from here on.
    pub(super) fn begin(request: &mut Request) -> Observation {
        let request_id = RequestId::take_or_make(request.headers());
        request.extensions_mut().insert(request_id.clone());
        Observation {
            started: Instant::now(),
            request_id,
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
        }
    }

    pub(super) fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(super) fn end(self, response: &mut Response) {
        let took = self.started.elapsed();
        let status = response.status();
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        measure::request(&self.method, route, status, took);
        info!(
            target: "daybook_api::gateway",
            method = self.method.as_str(),
            route,
            status = status.as_u16(),
            latency_us = took.as_micros() as u64,
            request.id = self.request_id.as_str(),
            "answered a request"
        );
        response
            .headers_mut()
            .insert(HEADER, self.request_id.into_header());
    }
}
