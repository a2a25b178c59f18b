//! Metrics for Prometheus: everything recorded through the `metrics` crate anywhere in the process.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::error;

use daybook_api::gateway::measure::{self, LATENCY_BUCKETS};
use daybook_edge as edge;

/// Installs the process's one recorder, before any metric is recorded. `None` if something else has installed one: the
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
    measure::describe();
    edge::describe();
    Ok(handle)
}
