//! Signed notes, as <https://c2sp.org/signed-note> defines them: a text, an empty line, and signatures
//!
//! ```text
//! — <key name> <base64 of key id ‖ signature>
//! ```
//!
//! A signature by a key that the reader does not know is ignored; one by a key that it knows must be valid.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::key::{SigningKey, VerifierKey, is_name};

const SEPARATOR: &str = "\n\n";
const SIGNATURE_PREFIX: &str = "— ";
const MOST_BYTES: usize = 1024 * 1024;
const MOST_SIGNATURES: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    #[error("it is not a signed note")]
    Malformed,
    #[error("a signature by the key {key} is wrong: the note was changed or forged")]
    WrongSignature { key: String },
    #[error("it is signed by none of the trusted keys")]
    Untrusted,
}

/// A text with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

impl Note {
    /// Signs a text, which must end with a line break and have no empty line.
    pub fn sign<'k>(text: String, keys: impl IntoIterator<Item = &'k SigningKey>) -> Note {
        let signatures = keys.into_iter().map(|key| Signature {
            name: key.name().to_owned(),
            key_id: key.verifier().id(),
            signature: key.sign(text.as_bytes()).to_vec(),
        });
        Note {
            signatures: signatures.collect(),
            text,
        }
    }

    /// Reads a note without checking who signed it.
    pub fn parse(note: &str) -> Result<Note, NoteError> {
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() > MOST_BYTES || note.contains(control) {
            return Err(NoteError::Malformed);
        }
        let end = note.rfind(SEPARATOR).ok_or(NoteError::Malformed)?;
        let (text, signatures) = (&note[..=end], &note[end + SEPARATOR.len()..]);
        let lines = signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        if lines.lines().count() > MOST_SIGNATURES {
            return Err(NoteError::Malformed);
        }
        Ok(Note {
            text: text.to_owned(),
            signatures: lines.split('\n').map(signature).collect::<Result<_, _>>()?,
        })
    }

    /// The signed text, with its last line break.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The claimed signers, as `<name>+<key id>`: the signatures have not been checked.
    pub fn signed_as(&self) -> Vec<String> {
        let told = |by: &Signature| format!("{}+{:08x}", by.name, u32::from_be_bytes(by.key_id));
        self.signatures.iter().map(told).collect()
    }

    /// Those of the keys that signed the note: at least one, and every signature by one of the keys is valid.
    pub fn verify<'k>(
        &self,
        trusted: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            let Some(key) = trusted.iter().find(|key| signature.is_by(key)) else {
                continue;
            };
            if !key.verifies(self.text.as_bytes(), &signature.signature) {
                let key = key.to_string();
                return Err(NoteError::WrongSignature { key });
            }
            if !signers.contains(&key) {
                signers.push(key);
            }
        }
        if signers.is_empty() {
            return Err(NoteError::Untrusted);
        }
        Ok(signers)
    }
}

/// The note as it is stored and sent.
impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature {
            name,
            key_id,
            signature,
        } in &self.signatures
        {
            let base64 = BASE64_STANDARD.encode([key_id.as_slice(), signature].concat());
            writeln!(f, "{SIGNATURE_PREFIX}{name} {base64}")?;
        }
        Ok(())
    }
}

impl Signature {
    fn is_by(&self, key: &VerifierKey) -> bool {
        self.key_id == key.id() && self.name == key.name()
    }
}

fn signature(line: &str) -> Result<Signature, NoteError> {
    let parsed = || {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let bytes = BASE64_STANDARD.decode(base64).ok()?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        (is_name(name) && !signature.is_empty()).then(|| Signature {
            name: name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    };
    parsed().ok_or(NoteError::Malformed)
}
