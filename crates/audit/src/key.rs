//! The keys that checkpoints are signed and checked with: Ed25519, in the text forms of Go's sumdb/note.
//!
//! ```text
//! PRIVATE+KEY+<name>+<key id>+<base64 of 0x01 ‖ seed>
//! <name>+<key id>+<base64 of 0x01 ‖ public key>
//! ```
//!
//! The key id is 8 hex digits: the first 4 bytes of `SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key)`. The name is the log's
//! name, so several keys of one log have the same name and different ids.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// The number of Ed25519 in the list of signature types in C2SP's signed-note.
const ALGORITHM: u8 = 1;
const SIGNER_PREFIX: &str = "PRIVATE+KEY+";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("a key's name must not be empty nor contain spaces or a plus sign")]
    Name,
    #[error("a key reads <name>+<8 hex digits>+<base64>")]
    Malformed,
    #[error("it is not an Ed25519 key")]
    Algorithm,
    #[error("the key's id is not that of its name and bytes")]
    Id,
    #[error("the system gave no random bytes")]
    Random,
    #[error("there is no key to sign checkpoints with")]
    None,
    #[error("the keys are of several logs")]
    OtherLog,
}

/// Signs checkpoints. Its text output is its public part.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

/// Checks signatures; public.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl SigningKey {
    /// A new key for the log of that name.
    pub fn generate(name: &str) -> Result<SigningKey, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        rand::fill(seed.as_mut_slice()).map_err(|_| KeyError::Random)?;
        SigningKey::from_seed(name, seed.as_slice())
    }

    /// A name for a new log: `daybook/<uuid>`.
    pub fn new_log_name() -> String {
        format!("daybook/{}", Uuid::new_v4())
    }

    /// The name of the log that it signs for.
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The public part.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The text form, which must be kept secret.
    pub fn to_text(&self) -> Result<SecretString, KeyError> {
        let seed = self.pair.seed().map_err(|_| KeyError::Malformed)?;
        let seed = seed.as_be_bytes().map_err(|_| KeyError::Malformed)?;
        let mut bytes = Zeroizing::new(vec![ALGORITHM]);
        bytes.extend_from_slice(seed.as_ref());
        let base64 = Zeroizing::new(BASE64_STANDARD.encode(&*bytes));
        let VerifierKey { name, .. } = &self.verifier;
        let text = format!(
            "{SIGNER_PREFIX}{name}+{}+{}",
            self.verifier.id_text(),
            *base64
        );
        Ok(SecretString::from(text))
    }

    /// Reads the text form.
    pub fn from_text(text: &SecretString) -> Result<SigningKey, KeyError> {
        let text = text.expose_secret().trim();
        let text = text
            .strip_prefix(SIGNER_PREFIX)
            .ok_or(KeyError::Malformed)?;
        let (name, id, bytes) = parts(text)?;
        let key = SigningKey::from_seed(name, &bytes[1..])?;
        if key.verifier.id_text() != id {
            return Err(KeyError::Id);
        }
        Ok(key)
    }

    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(text).as_ref());
        signature
    }

    fn from_seed(name: &str, seed: &[u8]) -> Result<SigningKey, KeyError> {
        if seed.len() != 32 {
            return Err(KeyError::Malformed);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into();
        let verifier = VerifierKey::new(name, public.map_err(|_| KeyError::Malformed)?)?;
        Ok(SigningKey { pair, verifier })
    }
}

impl VerifierKey {
    pub fn new(name: &str, public: [u8; 32]) -> Result<VerifierKey, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let preimage = [name.as_bytes(), &[b'\n', ALGORITHM], &public].concat();
        let mut id = [0; 4];
        id.copy_from_slice(&digest(&SHA256, &preimage).as_ref()[..4]);
        Ok(VerifierKey {
            name: name.to_owned(),
            id,
            public,
        })
    }

    /// The name of the log whose checkpoints it checks.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// 8 hex digits.
    pub fn id_text(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id))
    }

    pub(crate) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(text, signature).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<VerifierKey, KeyError> {
        let (name, id, bytes) = parts(text.trim())?;
        let public = bytes[1..].try_into().map_err(|_| KeyError::Malformed)?;
        let key = VerifierKey::new(name, public)?;
        if key.id_text() != id {
            return Err(KeyError::Id);
        }
        Ok(key)
    }
}

/// The text form.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ALGORITHM], self.public.as_slice()].concat();
        let base64 = BASE64_STANDARD.encode(bytes);
        write!(f, "{}+{}+{base64}", self.name, self.id_text())
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [REDACTED])", self.verifier)
    }
}

/// The key id as C2SP's signed-note defines it.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// Name, id and the decoded bytes, which begin with the algorithm.
fn parts(text: &str) -> Result<(&str, &str, Zeroizing<Vec<u8>>), KeyError> {
    // Base64 may contain a plus sign, the name and the id may not.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(base64)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Malformed);
    };
    let bytes = Zeroizing::new(
        BASE64_STANDARD
            .decode(base64)
            .map_err(|_| KeyError::Malformed)?,
    );
    match bytes.first() {
        Some(&ALGORITHM) => Ok((name, id, bytes)),
        Some(_) => Err(KeyError::Algorithm),
        None => Err(KeyError::Malformed),
    }
}
