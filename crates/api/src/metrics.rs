//! What Prometheus is told: everything recorded through the `metrics` crate anywhere in the process.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::RwLock;
use tracing::{debug, error};

/// Seconds; from a cached answer to the request timeout.
const LATENCY_BUCKETS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

const REQUESTS: &str = "daybook_http_requests_total";
const DURATION: &str = "daybook_http_request_duration_seconds";
const CUT: &str = "daybook_http_connections_cut_total";
const CERTIFICATE: &str = "daybook_tls_certificate_expiry_timestamp_seconds";

/// The process's one recorder; installed by whoever comes first. `None` if something else has installed one.
pub fn install() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| match build() {
            Ok(handle) => Some(handle),
            Err(error) => {
                error!(%error, "no metrics: another recorder is installed");
                None
            }
        })
        .as_ref()
}

fn build() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)?
        .install_recorder()?;
    describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "From a request's arrival to its answer, by method, route and status."
    );
    describe_counter!(CUT, "Connections that were cut off, by reason.");
    describe_gauge!(
        CERTIFICATE,
        metrics::Unit::Seconds,
        "Until when the TLS certificate is valid, since 1970."
    );
    Ok(handle)
}

/// A connection that was not to go on.
pub(crate) fn connection_cut(reason: &'static str) {
    debug!(reason, "cut a connection off");
    counter!(CUT, "reason" => reason).increment(1);
}

/// The certificate that is shown from now on.
pub(crate) fn certificate(not_after: DateTime<Utc>) {
    gauge!(CERTIFICATE).set(not_after.timestamp() as f64);
}

/// One answered request.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    static SERIES: LazyLock<RwLock<Routes>> = LazyLock::new(RwLock::default);
    let series = (method_label(method), status.as_u16());
    if let Some(known) = SERIES
        .read()
        .get(route)
        .and_then(|route| route.get(&series))
    {
        return known.record(took);
    }
    let mut routes = SERIES.write();
    let of_route = routes.entry(route.to_owned()).or_default();
    of_route
        .entry(series)
        .or_insert_with(|| Series::new(series, route))
        .record(took);
}

/// Looking a series up by its labels in the recorder costs more than all the rest of a cached answer.
type Routes = HashMap<String, HashMap<(&'static str, u16), Series>>;

struct Series {
    requests: Counter,
    duration: Histogram,
}

impl Series {
    fn new((method, status): (&'static str, u16), route: &str) -> Series {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        Series {
            requests: counter!(REQUESTS, &labels),
            duration: histogram!(DURATION, &labels),
        }
    }

    fn record(&self, took: Duration) {
        self.requests.increment(1);
        self.duration.record(took);
    }
}

/// A client's invention must not become a time series of its own.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
