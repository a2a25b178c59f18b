use crate::{Position, SealError};

/// How to mend what a database has to do with, for the errors of every crate that works on the log.
pub const DATABASE_REMEDY: &str =
    "see that PostgreSQL runs and that its log is clean, then try again";

/// What can go wrong between Daybook and its log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the event at position {position} ({event_type}) cannot be decoded: {reason}")]
    Undecodable {
        position: Position,
        event_type: String,
        reason: String,
    },
    #[error("{what} cannot be written as JSON")]
    Encode {
        what: &'static str,
        source: serde_json::Error,
    },
    #[error("personal data cannot be sealed or opened")]
    Seal(#[from] SealError),
}

impl LogError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        DATABASE_REMEDY
    }
}
