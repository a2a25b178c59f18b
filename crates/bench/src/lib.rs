//! Measures how fast a machine is: the command path alone, and the whole stack over HTTP.
//!
//! A closed loop (each client sends its next request when the last is answered) finds the peak. An open loop (requests
//! come at their own pace) finds what clients notice below the peak. In the open loop a latency counts from the instant
//! at which the request was due, so that a stall counts for every request that had to wait.

pub mod append;
pub mod audit;
pub mod http;
pub mod lag;
mod load;
pub mod rebuild;
mod report;

use std::error::Error;

use daybook_import::ImportError;

pub use load::{Client, closed_loop, open_loop};
pub use report::{Latencies, Report};

/// Why a measurement means nothing.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl BenchError {
    /// For an error, or for words of our own.
    pub fn new(why: impl Into<Box<dyn Error + Send + Sync>>) -> BenchError {
        BenchError::Failed(why.into())
    }

    pub fn remedy(&self) -> &'static str {
        match self {
            BenchError::Failed(_) => "see `daybook bench --help`",
            BenchError::Import(error) => error.remedy(),
        }
    }
}
