use daybook_database::remedy;
use daybook_log::Position;

use crate::{rebuild::BuildError, status::StatusError};

/// Why an operator's action was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("{name} is {state}, not {needed}")]
    WrongState {
        name: &'static str,
        state: &'static str,
        needed: &'static str,
    },
    #[error("{name} is halted at position {halted_at}, not at {asked}")]
    HaltedElsewhere {
        name: &'static str,
        halted_at: Position,
        asked: Position,
    },
    #[error(
        "{name} is halted since positions before {halted_at} are missing in the log, which skipping that event would not mend"
    )]
    LogHasGap {
        name: &'static str,
        halted_at: Position,
    },
    #[error(
        "the rows of {name} were made by version {stored}, and this binary makes version {own}"
    )]
    LaterVersion {
        name: &'static str,
        stored: i32,
        own: i32,
    },
    #[error("{name} is in use by long queries or batches, so that it could not be emptied")]
    Busy { name: &'static str },
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
}

impl OperateError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            OperateError::WrongState { .. } | OperateError::HaltedElsewhere { .. } => {
                "see `daybook projections status`"
            }
            OperateError::LogHasGap { .. } => "restore the log from a backup that has them",
            OperateError::LaterVersion { .. } => "use the newer Daybook",
            OperateError::Busy { .. } => "try again when they have ended",
            OperateError::Build(error) => error.remedy(),
            OperateError::Status(error) => error.remedy(),
            OperateError::Database(error) => remedy(error),
        }
    }
}
