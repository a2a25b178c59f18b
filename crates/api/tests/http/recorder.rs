//! The metrics of this process, from whichever test.

use std::sync::LazyLock;

use daybook_api::gateway::measure::{self, LATENCY_BUCKETS};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// A process has one recorder; the first test that needs it installs it.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        let buckets = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(buckets, &LATENCY_BUCKETS);
        let recorder = builder.unwrap().install_recorder().unwrap();
        measure::describe();
        recorder
    });
    &RECORDER
}
