//! Log lines go to stderr, as text for people or as JSON for collectors.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat};
use crate::failure::Failure;

/// Starts logging for this process; if no filter is configured, from the level `otherwise` up.
pub(crate) fn start(config: &LogConfig, otherwise: &str) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(config.filter.as_deref().unwrap_or(otherwise)).map_err(|source| {
            Failure::Unusable {
                what: "DAYBOOK_LOG",
                source: source.into(),
            }
        })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|source: TryInitError| Failure::Fault {
        what: "start logging",
        source: source.into(),
    })
}
