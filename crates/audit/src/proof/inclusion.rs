use daybook_log::Position;
use daybook_log::leaf::{Leaf, LeafReader};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{ProofError, demand_format, encoded};
use crate::checkpoint::SignedCheckpoint;
use crate::error::AuditError;
use crate::key::VerifierKey;
use crate::tiles::{inclusion_hashes, leaf_hashes};
use crate::tree::{Hash, Unproven, verify_inclusion};

/// Proves that an event is at its position in the log that a checkpoint was signed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InclusionProof {
    /// [`InclusionProof::FORMAT`]
    pub format: String,
    pub position: Position,
    /// How many events the checkpoint's tree has.
    pub tree_size: u64,
    /// The event as it is stored.
    pub event: Leaf,
    #[serde(with = "encoded")]
    pub leaf_hash: Hash,
    /// The hashes from the leaf's sibling upwards.
    #[serde(with = "encoded::list")]
    pub hashes: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

impl InclusionProof {
    pub const FORMAT: &str = "daybook-inclusion-proof/1";

    /// Makes the proof from the tiles and from the event as it is stored now; `None` if the log has no such event, or
    /// the checkpoint does not cover it. Nothing is checked here: if the event was changed, it comes with the hash that
    /// was sealed, and the proof does not verify.
    pub async fn make(
        connection: &mut PgConnection,
        position: Position,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<InclusionProof>, AuditError> {
        let size = checkpoint.size();
        let Some(index) = leaf_index(position).filter(|index| *index < size) else {
            return Ok(None);
        };
        let mut rows = LeafReader::open(connection, position..=position).await?;
        let chunk = rows.next().await?;
        while rows.next().await?.is_some() {}
        drop(rows);
        let Some(event) = chunk.and_then(|chunk| chunk.rows().next().and_then(|row| row.leaf()))
        else {
            return Ok(None);
        };
        let leaves = leaf_hashes(connection, index..index + 1).await?;
        Ok(Some(InclusionProof {
            format: InclusionProof::FORMAT.to_owned(),
            position,
            tree_size: size,
            leaf_hash: leaves.first().copied().unwrap_or_else(|| event.hash()),
            event,
            hashes: inclusion_hashes(connection, index, size).await?,
            checkpoint: checkpoint.to_string(),
        }))
    }

    /// Checks that the event in the document is in the tree of a checkpoint that one of the keys has signed; returns
    /// that checkpoint.
    pub fn verify(&self, trusted: &[VerifierKey]) -> Result<SignedCheckpoint, ProofError> {
        demand_format(&self.format, InclusionProof::FORMAT)?;
        let checkpoint = SignedCheckpoint::open(&self.checkpoint, trusted)?;
        if checkpoint.size() != self.tree_size {
            return Err(ProofError::Size {
                expected: self.tree_size,
                found: checkpoint.size(),
            });
        }
        if self.event.hash() != self.leaf_hash {
            return Err(ProofError::Event);
        }
        let index = leaf_index(self.position).ok_or(Unproven::BeyondTree)?;
        let root = checkpoint.root();
        verify_inclusion(&self.leaf_hash, index, self.tree_size, &self.hashes, &root)?;
        Ok(checkpoint)
    }
}

/// Positions count from 1, leaves from 0.
fn leaf_index(position: Position) -> Option<u64> {
    u64::try_from(position).ok()?.checked_sub(1)
}
