use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{ProofError, demand_format, encoded};
use crate::checkpoint::SignedCheckpoint;
use crate::checkpoints::{StoredCheckpoint, checkpoint_of_size};
use crate::error::AuditError;
use crate::key::VerifierKey;
use crate::tiles::{consistency_hashes, root_at};
use crate::tree::{Hash, Unproven, verify_consistency};

/// Proves that the log at one size is a continuation of the log at a smaller one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsistencyProof {
    /// [`ConsistencyProof::FORMAT`]
    pub format: String,
    pub from: u64,
    pub to: u64,
    /// The root at `from`, to be compared with a checkpoint of that size that somebody has kept.
    #[serde(with = "encoded")]
    pub from_root: Hash,
    #[serde(with = "encoded")]
    pub to_root: Hash,
    #[serde(with = "encoded::list")]
    pub hashes: Vec<Hash>,
    /// The signed note of that size, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_checkpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_checkpoint: Option<String>,
}

impl ConsistencyProof {
    pub const FORMAT: &str = "daybook-consistency-proof/1";

    /// Makes the proof from the tiles. `to` must be a size that is sealed, and `from` must not be larger.
    pub async fn make(
        connection: &mut PgConnection,
        from: u64,
        to: u64,
    ) -> Result<ConsistencyProof, AuditError> {
        let note = |stored: Option<StoredCheckpoint>| stored.map(|stored| stored.note);
        Ok(ConsistencyProof {
            format: ConsistencyProof::FORMAT.to_owned(),
            from,
            to,
            from_root: root_at(connection, from).await?,
            to_root: root_at(connection, to).await?,
            hashes: consistency_hashes(connection, from, to).await?,
            from_checkpoint: note(checkpoint_of_size(connection, from).await?),
            to_checkpoint: note(checkpoint_of_size(connection, to).await?),
        })
    }

    /// Checks that the hashes lead from the one root to the other, whoever signed the roots.
    pub fn verify_hashes(&self) -> Result<(), ProofError> {
        demand_format(&self.format, ConsistencyProof::FORMAT)?;
        verify_consistency(
            self.from,
            &self.from_root,
            self.to,
            &self.to_root,
            &self.hashes,
        )?;
        Ok(())
    }

    /// Also checks that one of the keys has signed a checkpoint for each root; returns the two
    /// checkpoints.
    pub fn verify(
        &self,
        trusted: &[VerifierKey],
    ) -> Result<(SignedCheckpoint, SignedCheckpoint), ProofError> {
        self.verify_hashes()?;
        let open = |note: &Option<String>, size: u64, root: &Hash| {
            let note = note.as_deref().ok_or(ProofError::Unsigned { size })?;
            let signed = SignedCheckpoint::open(note, trusted)?;
            if signed.size() != size {
                return Err(ProofError::Size {
                    expected: size,
                    found: signed.size(),
                });
            }
            if signed.root() != *root {
                return Err(ProofError::Hashes(Unproven::OtherRoot));
            }
            Ok(signed)
        };
        let from = open(&self.from_checkpoint, self.from, &self.from_root)?;
        let to = open(&self.to_checkpoint, self.to, &self.to_root)?;
        Ok((from, to))
    }
}
