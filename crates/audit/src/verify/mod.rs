//! Whether the log is what it was when it was sealed; and if not, where and how it was harmed.
//!
//! - Trust comes from public keys and from checkpoints that are kept outside the database. The owner of the database
//!   may have changed everything in it, so it is believed only as far as it leads to a signed root.
//! - Every row is read and hashed, and the root is computed anew from the leaves ([`roots`]). Only then are rows told
//!   apart, by the leaves that were sealed ([`trace`], [`classify`]).
//! - An honest log never causes a finding, even while it grows: everything is read from one state of the database, and
//!   checkpoints from outside were read before it.
//! - Memory is bounded however large the log is, and however much of it was harmed.

mod anchor;
mod chunk;
mod classify;
mod extent;
mod finding;
mod kept;
mod names;
mod order;
#[cfg(test)]
mod properties;
mod roots;
mod scan;
mod segment;
mod snapshot;
mod tail;
mod trace;
mod verification;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use daybook_database::remedy;
use daybook_log::{DATABASE_REMEDY, LogError};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

pub use finding::{CheckpointUsed, Finding, Kind, MOST_FINDINGS, Report};

use crate::error::AuditError;
use crate::key::VerifierKey;
use crate::store::CheckpointStore;
use verification::Verification;

/// A checkpoint from outside the database.
#[derive(Clone, Debug)]
pub struct External {
    /// Where it was kept, for messages.
    pub source: String,
    /// The signed note.
    pub note: String,
}

/// What a log is compared with, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Public keys, kept outside the database.
    pub trusted: Vec<VerifierKey>,
    /// Must be read before verification begins: otherwise a log that grows may seem to have been rolled back.
    pub external: Vec<External>,
    /// Where checkpoints were exported to: the permanent ones there show since when a log has been rolled back.
    pub store: Option<CheckpointStore>,
    /// How many ranges of the log are read at the same time, each over a connection of its own.
    pub jobs: usize,
}

/// Why nothing can be said about the log.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("there is no public key to trust")]
    NoKey,
    #[error("nothing was ever sealed of the {events} events, as far as is known here")]
    NothingSealed { events: u64 },
    #[error("the checkpoint {place} is of the log {found}, and this is {expected}")]
    OtherLog {
        place: String,
        found: String,
        expected: String,
    },
    #[error("{table} is not an ordinary table: what it shows may depend on who looks")]
    NoTable { table: String },
    #[error("it was stopped before its end")]
    Interrupted,
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the tree could not be read")]
    Audit(#[from] AuditError),
    #[error("a part of the work failed")]
    Task(#[from] JoinError),
}

impl VerifyError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            VerifyError::NothingSealed { .. } => {
                "give a checkpoint that was kept with --checkpoint; `daybook serve` seals what is not sealed yet"
            }
            VerifyError::OtherLog { .. } => "give checkpoints of this log only",
            VerifyError::NoTable { .. } => {
                "find out who put it there; until then nothing that this database shows can be believed"
            }
            VerifyError::Database(error) => remedy(error),
            VerifyError::Log(error) => error.remedy(),
            VerifyError::Audit(error) => error.remedy(),
            VerifyError::NoKey | VerifyError::Interrupted | VerifyError::Task(_) => DATABASE_REMEDY,
        }
    }
}

/// Told how many events more were read.
type ProgressCallback = Arc<dyn Fn(u64) + Send + Sync>;

/// Verifies the whole log. `progress` is called with how many of the sealed events were read, and how many there are.
/// If the future is dropped before its end, nothing is left behind.
pub async fn verify(
    options: PgConnectOptions,
    settings: &Settings,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
    stop: &CancellationToken,
) -> Result<Report, VerifyError> {
    if settings.trusted.is_empty() {
        return Err(VerifyError::NoKey);
    }
    let verified = async {
        let verification = Verification::begin(options, settings).await?;
        let (read, total) = (AtomicU64::new(0), verification.size());
        let told: ProgressCallback = Arc::new(move |events| {
            progress(read.fetch_add(events, Ordering::Relaxed) + events, total);
        });
        verification.run(&told).await
    };
    let verified = stop.run_until_cancelled(verified).await;
    verified.ok_or(VerifyError::Interrupted)?
}
