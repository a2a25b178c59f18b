//! Logging and metrics of this process.

pub(crate) mod logging;
pub(crate) mod metrics;
