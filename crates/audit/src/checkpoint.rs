//! Checkpoints, as <https://c2sp.org/tlog-checkpoint> defines them: what the tree was at one size.
//!
//! ```text
//! <origin: the log's name>
//! <size, decimal>
//! <root, base64>
//! ```

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::key::{SigningKey, VerifierKey};
use crate::note::{Note, NoteError};
use crate::tree::Hash;

#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("its signatures do not hold")]
    Note(#[from] NoteError),
    #[error("it is not a checkpoint: a name, a size and a root, a line each")]
    Malformed,
    #[error("it is of the log {found}, not of {expected}")]
    OtherLog { expected: String, found: String },
}

/// The root of the tree over the events up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many events it covers: the position of the last one.
    pub size: u64,
    pub root: Hash,
}

/// A checkpoint with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl Checkpoint {
    /// Signs it with each of the keys.
    pub fn sign<'k>(self, keys: impl IntoIterator<Item = &'k SigningKey>) -> SignedCheckpoint {
        SignedCheckpoint {
            note: Note::sign(self.to_string(), keys),
            checkpoint: self,
        }
    }

    /// Lines after the third are extensions that this program does not know; they are ignored.
    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: BASE64_STANDARD.decode(root).ok()?.try_into().ok()?,
        };
        // Rejects leading zeros and a plus sign.
        (checkpoint.size.to_string() == size).then_some(checkpoint)
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checkpoint { origin, size, root } = self;
        writeln!(f, "{origin}\n{size}\n{}", BASE64_STANDARD.encode(root))
    }
}

impl SignedCheckpoint {
    /// Reads a checkpoint that one of the trusted keys has signed for its own log.
    pub fn open(note: &str, trusted: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        let signed = SignedCheckpoint::parse(note)?;
        let signers = signed.note.verify(trusted)?;
        let origin = &signed.checkpoint.origin;
        match signers.first() {
            Some(key) if signers.iter().all(|key| key.name() != origin) => {
                Err(CheckpointError::OtherLog {
                    expected: key.name().to_owned(),
                    found: origin.clone(),
                })
            }
            _ => Ok(signed),
        }
    }

    /// Reads a checkpoint without checking who signed it, so it proves nothing.
    pub fn parse(note: &str) -> Result<SignedCheckpoint, CheckpointError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text()).ok_or(CheckpointError::Malformed)?;
        Ok(SignedCheckpoint { checkpoint, note })
    }

    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    pub fn root(&self) -> Hash {
        self.checkpoint.root
    }

    /// The claimed signers, as `<name>+<key id>`: the signatures have not been checked.
    pub fn signed_as(&self) -> Vec<String> {
        self.note.signed_as()
    }

    /// Those of the keys that have signed the checkpoint.
    pub fn signers<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        self.note.verify(keys)
    }
}

/// The note, as it is kept, exported and handed out.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}
