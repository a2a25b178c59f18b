//! The audit trail's tree: what makes the log's history provable.
//!
//! Every event is a leaf, in the order of positions, of an RFC 6962 Merkle tree. The [`Sealer`] hashes what
//! was appended, stores the tree in tiles ([`tiles`]) and signs its root in a checkpoint ([`Checkpoint`]).
//! Whoever has kept a checkpoint can check whether the log still continues what it was then ([`ConsistencyProof`]), and
//! whether an event was in it ([`InclusionProof`]).
//!
//! The leaf at index `n` (from 0) is the event at position `n + 1`; a tree of size `n` covers the positions up to `n`.
//! Writers never wait for sealing. Trust comes from keys and checkpoints that are kept outside the database: its owner
//! may have changed everything inside it.

mod agreement;
mod checkpoint;
mod checkpoints;
mod error;
mod key;
pub mod measure;
mod note;
mod proof;
mod sealer;
pub mod store;
pub mod tiles;
pub mod tree;
pub mod verify;

pub use agreement::{Agreement, agreement};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use checkpoints::{StoredCheckpoint, checkpoint_of_size, checkpoints_after, latest_checkpoint};
pub use error::AuditError;
pub use key::{KeyError, SigningKey, VerifierKey};
pub use note::{Note, NoteError};
pub use proof::{ConsistencyProof, InclusionProof, ProofError};
pub use sealer::{SEALED_CHANNEL, Sealed, Sealer, SealerConfig, SealerState};
pub use store::CheckpointStore;
pub use tree::Hash;
