use daybook_database::LeaseError;
use daybook_log::{LogError, Position};

use crate::checkpoint::CheckpointError;
use crate::error::AuditError;

/// Why nothing more is sealed until a human has looked: the log or the tree in the database is not what was sealed, and
/// another signature would hide that.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "the log ends at position {head}, though it was sealed up to {size}: events were cut off, or an older database was restored"
    )]
    Shorter { head: Position, size: u64 },
    #[error(
        "the log ends at position {head}, though this process has sealed {size} events: the database was set back"
    )]
    Lost { head: u64, size: u64 },
    #[error(
        "the first {size} events are not those that this process has sealed: the database was set back and went on"
    )]
    Replaced { size: u64 },
    #[error(
        "the log ends at position {head}, though a checkpoint of {size} events was exported to {location}: the database was set back"
    )]
    SetBack {
        head: u64,
        size: u64,
        location: String,
    },
    #[error(
        "the first {size} events are not those of the checkpoint that was exported to {location}: the database was set back and went on"
    )]
    Forked { size: u64, location: String },
    #[error("the event at position {position} is not the one that was sealed")]
    Rewritten { position: Position },
    #[error("position {found} follows where {expected} should")]
    Gap { expected: Position, found: Position },
    #[error(
        "the newest checkpoint in the database, of size {size}, is not to be trusted: {source}"
    )]
    Checkpoint { size: u64, source: CheckpointError },
    #[error(
        "the newest checkpoint in the database is of the log {found}; the key is that of {expected}"
    )]
    OtherLog { found: String, expected: String },
    #[error("the tiles in the database do not lead to the root that was signed at size {size}")]
    Tiles { size: u64 },
}

/// Why sealing stopped for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the tree could not be read")]
    Tree(#[from] AuditError),
    #[error("hashing did not come to its end")]
    Hashing(#[source] tokio::task::JoinError),
    #[error("the lease on sealing was lost")]
    Lease(#[from] LeaseError),
    #[error("sealing is refused")]
    Refused(#[from] Refusal),
}
