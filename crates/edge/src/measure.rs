//! The Prometheus metrics about connections.

use chrono::{DateTime, Utc};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tracing::debug;

const CUT: &str = "daybook_http_connections_cut_total";
const CERTIFICATE: &str = "daybook_tls_certificate_expiry_timestamp_seconds";

/// Describes the metrics. Must be called after a recorder is installed.
pub fn describe() {
    describe_counter!(CUT, "Connections that were cut off, by reason.");
    describe_gauge!(
        CERTIFICATE,
        Unit::Seconds,
        "Until when the TLS certificate is valid, since 1970."
    );
}

/// A connection was cut off.
pub(crate) fn connection_cut(reason: &'static str) {
    debug!(reason, "cut a connection off");
    counter!(CUT, "reason" => reason).increment(1);
}

/// A certificate is used from now on.
pub(crate) fn certificate(not_after: DateTime<Utc>) {
    gauge!(CERTIFICATE).set(not_after.timestamp() as f64);
}
