//! Where to continue: from the tree in the database, if it is the one that was signed and exported.

use std::sync::Arc;

use error_reporter::Report;
use sqlx::PgConnection;
use tracing::warn;

use super::growth::Growth;
use super::{Keys, Refusal, SealError};
use crate::agreement::{Agreement, agreement};
use crate::checkpoint::SignedCheckpoint;
use crate::checkpoints::latest_checkpoint;
use crate::error::AuditError;
use crate::store::CheckpointStore;
use crate::tiles::{TileId, Tiles, WIDTH, leaf_hashes, streams_of_tile};
use crate::tree::Hash;

/// The newest checkpoint and the tree that it was signed for; an empty tree if nothing was sealed yet. The part of the
/// tree on which further leaves will build is checked.
pub(super) async fn resume(
    connection: &mut PgConnection,
    keys: &Keys,
) -> Result<(Option<SignedCheckpoint>, Growth), SealError> {
    let Some(stored) = latest_checkpoint(connection).await? else {
        return Ok((None, Growth::default()));
    };
    let size = stored.size;
    let checkpoint = stored
        .open(&keys.trusted)
        .map_err(|source| Refusal::Checkpoint { size, source })?;
    if checkpoint.origin() != keys.newest.name() {
        return Err(Refusal::OtherLog {
            found: checkpoint.origin().to_owned(),
            expected: keys.newest.name().to_owned(),
        }
        .into());
    }
    if checkpoint.size() != size {
        return Err(Refusal::Tiles { size }.into());
    }
    let growth = tree(connection, size).await.map_err(|error| match error {
        AuditError::Tile { .. } => Refusal::Tiles { size }.into(),
        other => SealError::from(other),
    })?;
    if growth.root() != checkpoint.root() {
        return Err(Refusal::Tiles { size }.into());
    }
    Ok((Some(checkpoint), growth))
}

/// Refuses a tree that does not begin with the one that this process has sealed before.
pub(super) async fn must_hold(
    connection: &mut PgConnection,
    sealed: Option<Arc<SignedCheckpoint>>,
) -> Result<(), SealError> {
    let Some(sealed) = sealed else { return Ok(()) };
    let size = sealed.size();
    match agreement(connection, sealed.checkpoint()).await? {
        Agreement::Continues => Ok(()),
        Agreement::Shorter { head } => Err(Refusal::Lost { head, size }.into()),
        Agreement::Differs => Err(Refusal::Replaced { size }.into()),
    }
}

/// Refuses a log that does not continue what was exported. A store that is away is not waited for: it takes no
/// checkpoint later that does not contain what it has.
pub(super) async fn must_continue(
    connection: &mut PgConnection,
    store: &CheckpointStore,
    keys: &Keys,
) -> Result<(), SealError> {
    let exported = match store.exported().await {
        Ok(exported) => exported,
        Err(error) => {
            warn!(error = %Report::new(&error), "the log is not compared with what was exported");
            return Ok(());
        }
    };
    let location = || store.location().to_owned();
    for note in exported {
        // Whoever can write to the store must not be able to stop sealing.
        let signed = match SignedCheckpoint::open(&note.text, &keys.trusted) {
            Ok(signed) => signed,
            Err(error) => {
                warn!(path = note.path, error = %Report::new(&error), "the log is not compared with this note");
                continue;
            }
        };
        let (size, location) = (signed.size(), location());
        match agreement(connection, signed.checkpoint()).await? {
            Agreement::Continues => {}
            Agreement::Shorter { head } => {
                let refusal = Refusal::SetBack {
                    head,
                    size,
                    location,
                };
                return Err(refusal.into());
            }
            Agreement::Differs => return Err(Refusal::Forked { size, location }.into()),
        }
    }
    Ok(())
}

async fn tree(connection: &mut PgConnection, size: u64) -> Result<Growth, AuditError> {
    let edge: Vec<(TileId, usize)> = TileId::right_edge(size).collect();
    let partial = edge.iter().filter(|(_, count)| *count > 0);
    let tiles = Tiles::load(connection, partial.map(|(id, _)| *id)).await?;
    let hashes = edge.into_iter().map(|(id, count)| match count {
        0 => Ok(Vec::new()),
        _ => first(&tiles, id, count).ok_or(AuditError::Tile { id }),
    });
    let hashes = hashes.collect::<Result<_, AuditError>>()?;
    let last_leaf = leaf_hashes(connection, size - 1..size).await?.pop();
    let streams = streams_of_tile(connection, size / WIDTH).await?;
    // Names help people; the tree does not depend on them.
    let lines = streams.iter().take((size % WIDTH) as usize);
    let streams = lines.map(|stream| format!("{stream}\n")).collect();
    Ok(Growth::resume(size, hashes, streams, last_leaf))
}

fn first(tiles: &Tiles, id: TileId, count: usize) -> Option<Vec<Hash>> {
    Some(tiles.get(id)?.hashes.get(..count)?.to_vec())
}
