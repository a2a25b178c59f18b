use daybook_database::remedy;
use daybook_log::LogError;

use crate::checkpoint::CheckpointError;
use crate::tiles::TileId;

/// What can go wrong in reading the tree from the database.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    /// This does not pass by itself: the sealer writes tiles and checkpoint together.
    #[error("tile {} of level {} is missing or lacks hashes", id.index, id.level)]
    Tile { id: TileId },
    #[error("what is stored as the checkpoint of size {size} is not a checkpoint")]
    Checkpoint { size: u64, source: CheckpointError },
}

impl AuditError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            AuditError::Database(error) => remedy(error),
            AuditError::Log(error) => error.remedy(),
            AuditError::Tile { .. } | AuditError::Checkpoint { .. } => {
                "run `daybook audit verify`, which says what was damaged; a backup has it as it was"
            }
        }
    }
}
