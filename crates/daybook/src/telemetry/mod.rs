//! What the process tells of itself: log lines and metrics.

pub(crate) mod logging;
pub(crate) mod metrics;
