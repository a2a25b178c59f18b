//! What Prometheus is told: everything recorded through the `metrics` crate anywhere in the process.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::error;

use daybook_api::gateway;
use daybook_edge as edge;

/// Seconds; from a cached answer to the request timeout.
const LATENCY_BUCKETS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Installs the process's one recorder, before anything counts. `None` where something else has installed one: the
/// shop works without metrics, too.
pub(crate) fn install() -> Option<PrometheusHandle> {
    match build() {
        Ok(handle) => Some(handle),
        Err(error) => {
            error!(%error, "no metrics: another recorder is installed");
            None
        }
    }
}

fn build() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)?
        .install_recorder()?;
    gateway::measure::describe();
    edge::describe();
    Ok(handle)
}
