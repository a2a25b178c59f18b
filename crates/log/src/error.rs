use crate::{Position, SealError};

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
