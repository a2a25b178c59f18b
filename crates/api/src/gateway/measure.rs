//! The Prometheus metrics about requests.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use parking_lot::RwLock;

/// For histograms whose names end in `_seconds`: from a cached answer to the request timeout.
pub const LATENCY_BUCKETS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

const REQUESTS: &str = "daybook_http_requests_total";
const DURATION: &str = "daybook_http_request_duration_seconds";

/// Describes the metrics. Must be called after a recorder is installed.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "From a request's arrival to its answer, by method, route and status."
    );
}

/// Records one answered request.
pub(super) fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
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

/// Cached, because looking up a series by its labels in the recorder costs more than all the rest of a cached answer.
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

/// A method that a client invented must not become a time series of its own.
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
