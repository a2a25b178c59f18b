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

use daybook_audit::AuditError;
use daybook_audit::verify::VerifyError;
use daybook_commands::CommandError;
use daybook_import::ImportError;
use daybook_log::{DATABASE_REMEDY, LogError, Position};
use daybook_projections::rebuild::BuildError;

pub use load::{Client, closed_loop, open_loop};
pub use report::{Latencies, Report};

/// Why a measurement means nothing.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// For words of our own, and for errors that nobody can mend.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the tree could not be read")]
    Audit(#[from] AuditError),
    #[error("the log was not verified")]
    Verify(#[from] VerifyError),
    #[error("position {position} was not proven")]
    Proof {
        position: Position,
        source: AuditError,
    },
    #[error("the read model {name} was not built")]
    Build {
        name: &'static str,
        source: BuildError,
    },
}

impl BenchError {
    pub fn new(why: impl Into<Box<dyn Error + Send + Sync>>) -> BenchError {
        BenchError::Failed(why.into())
    }

    pub fn remedy(&self) -> &'static str {
        match self {
            BenchError::Failed(_) => "see `daybook bench --help`",
            BenchError::Import(error) => error.remedy(),
            BenchError::Command(error) => error.remedy(),
            BenchError::Database(_) => DATABASE_REMEDY,
            BenchError::Log(error) => error.remedy(),
            BenchError::Audit(error) | BenchError::Proof { source: error, .. } => error.remedy(),
            BenchError::Verify(error) => error.remedy(),
            BenchError::Build { source, .. } => source.remedy(),
        }
    }
}
