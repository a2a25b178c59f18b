//! Moving a whole log to another database: exported to a file, and imported again.
//!
//! The file is text, a JSON object on each line, in this order: a header, the settings, the events by position, the
//! claims, the answers given to idempotency keys, the persons' keys as they are wrapped, and an end that has the number
//! of lines before it and their SHA-256. Payload and metadata are the texts as they are stored, personal data sealed,
//! so that nothing about an event can change on the way: two logs are the same if their files are. Nothing in a file
//! tells when or where it was made.
//!
//! Answers to idempotency keys are included so that a request that is sent again to the copy has no second effect.
//! Snapshots are not: they are made again. An import is one transaction: everything in a file that is found complete,
//! or nothing.

mod export;
mod import;
mod line;
mod lines;
mod rows;

use std::io;

use crate::{DATABASE_REMEDY, Position};

pub use export::export;
pub use import::import;

/// The version of the file's format that is written, and the only one that can be read.
const VERSION: u32 = 1;

/// How far a transfer is.
#[derive(Clone, Copy, Debug)]
pub struct TransferProgress {
    pub events: Position,
    pub head: Position,
}

/// What a transfer moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    pub events: i64,
    pub claims: i64,
    pub idempotency_records: i64,
    pub person_keys: i64,
    /// Of the file before its end line, in hexadecimal.
    pub sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the file cannot be read or written")]
    File(#[from] io::Error),
    #[error("the file is broken at line {line}: {reason}")]
    Broken { line: u64, reason: String },
    #[error("the database has a log already")]
    NotEmpty,
    #[error("the database was made with another master key than the log in the file")]
    OtherMasterKey,
    #[error("stopped before the whole log was moved")]
    Stopped,
    #[error("the role {role} may not move a log")]
    NotPermitted { role: String },
}

impl TransferError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            TransferError::Database(_) => DATABASE_REMEDY,
            TransferError::File(_) => "see that the file is there and that its disk has room",
            TransferError::Broken { .. } => "export it again; nothing of it was imported",
            TransferError::NotEmpty => {
                "import into a database of its own, with --data or DATABASE_URL"
            }
            TransferError::OtherMasterKey => {
                "import into a database that no server has been started on"
            }
            TransferError::Stopped => "run it again; nothing of it is left",
            TransferError::NotPermitted { .. } => {
                "set DATABASE_MIGRATION_URL to the role that migrates the database"
            }
        }
    }
}
