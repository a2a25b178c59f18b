//! Proofs as documents: JSON that anyone who trusts a public key can check without a database.

mod consistency;
mod encoded;
mod inclusion;

pub use consistency::ConsistencyProof;
pub use inclusion::InclusionProof;

use crate::checkpoint::CheckpointError;
use crate::tree::Unproven;

/// Why a document proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("its format is {found}, not {expected}")]
    Format {
        expected: &'static str,
        found: String,
    },
    #[error("its checkpoint does not hold")]
    Checkpoint(#[from] CheckpointError),
    #[error("its checkpoint is of a tree of {found} events, not of {expected}")]
    Size { expected: u64, found: u64 },
    #[error("it has no signed checkpoint of the tree of {size} events")]
    Unsigned { size: u64 },
    #[error("the event was changed: its hash is not the one in the proof")]
    Event,
    #[error("its hashes do not hold")]
    Hashes(#[from] Unproven),
}

impl ProofError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        "ask for the proof again, from whom you have it"
    }
}

/// Demands the format that is expected.
fn demand_format(found: &str, expected: &'static str) -> Result<(), ProofError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::Format {
            expected,
            found: found.to_owned(),
        })
    }
}
