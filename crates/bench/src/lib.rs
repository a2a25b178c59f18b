//! Measuring how fast a machine is: the command path by itself, and the whole over HTTP.
//!
//! A closed loop (each client sends its next request when the last is answered) finds the peak; an
//! open one (requests come when they come) finds what clients feel below it. Latencies in the open
//! loop count from when a request was due, so that a stall is felt by all who had to wait.

pub mod append;
pub mod audit;
pub mod http;
pub mod lag;
mod load;
pub mod rebuild;
mod report;

pub use load::{Client, closed_loop, open_loop};
pub use report::{Latencies, Report};

use daybook_import::ImportError;

/// Why a measurement means nothing.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}")]
    Meaningless(String),
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl BenchError {
    pub fn remedy(&self) -> &'static str {
        match self {
            BenchError::Meaningless(_) => "see `daybook bench --help`",
            BenchError::Import(error) => error.remedy(),
        }
    }
}
