//! Whether the log continues the history that a checkpoint from outside describes.

use daybook_log::Position;
use daybook_log::leaf::LeafReader;
use sqlx::PgConnection;
use tracing::{info, warn};

use crate::checkpoint::Checkpoint;
use crate::checkpoints::latest_checkpoint;
use crate::error::AuditError;
use crate::tiles;
use crate::tree::{Frontier, Hash};

/// How the log compares with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The log begins with exactly the events that the checkpoint covers.
    Continues,
    /// The log has fewer events than the checkpoint covers: a backup was restored, or the end was cut off.
    Shorter { head: u64 },
    /// The log has as many events, but different ones.
    Differs,
}

/// Compares the log with a checkpoint. If the checkpoint was sealed here, one query is enough; otherwise the log is
/// read up to its size, since nothing else in the database can prove what the events were.
pub async fn agreement(
    connection: &mut PgConnection,
    checkpoint: &Checkpoint,
) -> Result<Agreement, AuditError> {
    let head = daybook_log::head(&mut *connection).await?;
    let head = u64::try_from(head).unwrap_or_default();
    if head < checkpoint.size {
        return Ok(Agreement::Shorter { head });
    }
    let sealed = latest_checkpoint(connection)
        .await?
        .map_or(0, |stored| stored.size);
    if checkpoint.size <= sealed {
        match tiles::root_at(connection, checkpoint.size).await {
            Ok(root) if root == checkpoint.root => return Ok(Agreement::Continues),
            Ok(_) => {}
            Err(AuditError::Tile { id }) => {
                warn!(
                    tile.level = id.level,
                    tile.index = id.index,
                    "a tile is missing"
                );
            }
            Err(error) => return Err(error),
        }
    }
    info!(
        events = checkpoint.size,
        "hashing the log to compare it with a checkpoint"
    );
    match root_of_events(connection, checkpoint.size).await? {
        Some(root) if root == checkpoint.root => Ok(Agreement::Continues),
        _ => Ok(Agreement::Differs),
    }
}

/// The root over the events at positions 1 to `size`; `None` if the log does not have exactly these positions.
async fn root_of_events(
    connection: &mut PgConnection,
    size: u64,
) -> Result<Option<Hash>, AuditError> {
    let last = Position::try_from(size).unwrap_or(Position::MAX);
    let mut reader = LeafReader::open(connection, Position::MIN..=last).await?;
    let (mut frontier, mut scratch) = (Frontier::default(), Vec::new());
    let mut is_dense = true;
    // Read to the end, whatever is found: the connection will be used again.
    while let Some(chunk) = reader.next().await? {
        for row in chunk.rows() {
            is_dense &= u64::try_from(row.position).ok() == Some(frontier.size() + 1);
            frontier.push(row.hash(&mut scratch));
        }
    }
    Ok((is_dense && frontier.size() == size).then(|| frontier.root()))
}
