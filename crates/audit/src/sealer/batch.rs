//! A batch: the events after the newest checkpoint are hashed, and the tree that they result in is signed.

use daybook_log::Position;
use daybook_log::leaf::LeafReader;
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::growth::Growth;
use super::{Keys, Refusal, SealError, commit};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::key::SigningKey;

/// Chunks that were read and wait to be hashed.
const QUEUE: usize = 4;

/// Seals the events up to a position. Returns the tree once it is committed.
pub(super) async fn seal(
    connection: &mut PgConnection,
    fencing: i64,
    keys: &Keys,
    before: Option<&SignedCheckpoint>,
    growth: Growth,
    to: Position,
) -> Result<(SignedCheckpoint, Growth), SealError> {
    let mut growth = extend(connection, growth, to).await?;
    let checkpoint = Checkpoint {
        origin: keys.newest.name().to_owned(),
        size: growth.size(),
        root: growth.root(),
    };
    let signed = checkpoint.sign(signers(keys, before));
    let follows = before.map_or(0, SignedCheckpoint::size);
    commit::write(connection, fencing, follows, &signed, growth.take()).await?;
    Ok((signed, growth))
}

/// Reads, beginning with the last event that is sealed, while another thread hashes.
async fn extend(
    connection: &mut PgConnection,
    mut growth: Growth,
    to: Position,
) -> Result<Growth, SealError> {
    let last = growth.size() as Position;
    let (sender, mut chunks) = mpsc::channel(QUEUE);
    let hashing = spawn_blocking(move || {
        while let Some(chunk) = chunks.blocking_recv() {
            growth.extend(&chunk)?;
        }
        Ok::<_, Refusal>(growth)
    });
    let mut reader = LeafReader::open(connection, last.max(1)..=to).await?;
    while let Some(chunk) = reader.next().await? {
        if sender.send(chunk).await.is_err() {
            break; // hashing has failed and returns the reason
        }
    }
    drop(sender);
    let growth = hashing.await.map_err(SealError::Hashing)??;
    match growth.size() as Position {
        reached if reached == to => Ok(growth),
        reached => Err(Refusal::Gap {
            expected: reached + 1,
            found: to,
        }
        .into()),
    }
}

/// The newest key, together with the keys that signed before until it has signed once: whoever trusts only the older
/// keys learns of the new one from a checkpoint that both have signed.
fn signers<'k>(keys: &'k Keys, before: Option<&SignedCheckpoint>) -> Vec<&'k SigningKey> {
    let newest = keys.newest.verifier();
    let mut signers = vec![&keys.newest];
    let Some(before) = before else { return signers };
    let signed_before = before.signers(&keys.trusted).unwrap_or_default();
    if !signed_before.contains(&newest) {
        let older = keys.older.iter();
        signers.extend(older.filter(|key| signed_before.contains(&key.verifier())));
        if signers.len() == 1 {
            warn!(
                key.id = newest.id_text(),
                "a new key signs alone: none of those that signed the checkpoint before is here"
            );
        }
    }
    signers
}
