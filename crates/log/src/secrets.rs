//! The keys that are derived from the one master key.
//!
//! The master key never touches the database. HKDF-SHA256 (RFC 5869) derives from it, with a label each: an HMAC key
//! for e-mail claims, one for idempotency keys, and the key that wraps each person's own key.
//!
//! Values made with the two HMAC keys cannot be made again with other keys, since nobody has kept the input. So these
//! keys stay when the master key is changed ([`crate::rotation`]): from then on they are in the database, wrapped like
//! the persons' keys.

use std::fmt;

use aws_lc_rs::{aead, hkdf, hmac};
use sqlx::{PgPool, query_scalar};

use crate::LogError;
use crate::seal::{PersonKey, SealError};

/// The setting by which a different master key is recognised.
pub(crate) const CHECK: &str = "master_key_check";
/// The setting that holds the wrapped HMAC keys, once they no longer follow from the master key.
pub(crate) const HMAC_KEYS: &str = "hmac_keys";

pub struct Secrets {
    hmac: HmacKeys,
    check: hmac::Key,
    wrapping: PersonKey,
}

/// These outlive the master key that they were derived from.
pub(crate) struct HmacKeys {
    bytes: [u8; 64],
    claims: hmac::Key,
    idempotency: hmac::Key,
}

/// The given master key is not the one that this database was made with.
#[derive(Debug, thiserror::Error)]
#[error("the master key is not the one that this database was made with")]
pub struct MasterKeyMismatch;

impl MasterKeyMismatch {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        "set DAYBOOK_MASTER_KEY to that key, or put its file back as keys/master.key in the data folder"
    }
}

impl Secrets {
    /// The secrets of a database whose master key was never changed.
    pub fn from_master_key(master: &[u8; 32]) -> Secrets {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"daybook").extract(master);
        let mut hmac_keys = [0; 64];
        hmac_keys[..32].copy_from_slice(&derive(&extracted, "claims"));
        hmac_keys[32..].copy_from_slice(&derive(&extracted, "idempotency"));
        Secrets {
            hmac: HmacKeys::from_bytes(hmac_keys),
            check: hmac_key(&derive(&extracted, "check")),
            wrapping: PersonKey::from_bytes(&derive(&extracted, "person-keys")),
        }
    }

    /// The secrets of a database. Ties it to this master key the first time, and refuses a different one later: with a
    /// different key no e-mail would be found taken and nothing sealed could be opened.
    pub async fn open(
        pool: &PgPool,
        master: &[u8; 32],
    ) -> Result<Result<Secrets, MasterKeyMismatch>, LogError> {
        let mut secrets = Secrets::from_master_key(master);
        // A standby can be read, but not settled anything in.
        let before: Option<Vec<u8>> = query_scalar("select log.setting($1)")
            .bind(CHECK)
            .fetch_one(pool)
            .await?;
        let settled = match before {
            Some(settled) => settled,
            None => {
                query_scalar("select log.settle($1, $2)")
                    .bind(CHECK)
                    .bind(secrets.check_value())
                    .fetch_one(pool)
                    .await?
            }
        };
        if settled != secrets.check_value() {
            return Ok(Err(MasterKeyMismatch));
        }
        let kept: Option<Vec<u8>> = query_scalar("select log.setting($1)")
            .bind(HMAC_KEYS)
            .fetch_one(pool)
            .await?;
        if let Some(wrapped) = kept {
            secrets.hmac = secrets.unwrap_hmac_keys(&wrapped)?;
        }
        Ok(Ok(secrets))
    }

    /// The stand-in for a personal value (an e-mail) in the table of claims.
    pub fn claim_value(&self, kind: &str, value: &str) -> Vec<u8> {
        tag(&self.hmac.claims, &[kind.as_bytes(), value.as_bytes()])
    }

    pub fn idempotency_tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        tag(&self.hmac.idempotency, parts)
    }

    pub(crate) fn wrap(&self, key: &[u8; 32], person: uuid::Uuid) -> Result<Vec<u8>, SealError> {
        self.wrapping.seal_bytes(key, person.as_bytes())
    }

    pub(crate) fn unwrap(
        &self,
        wrapped: &[u8],
        person: uuid::Uuid,
    ) -> Result<PersonKey, SealError> {
        Ok(PersonKey::from_bytes(&self.unwrap_bytes(wrapped, person)?))
    }

    /// The key itself, to be wrapped again.
    pub(crate) fn unwrap_bytes(
        &self,
        wrapped: &[u8],
        person: uuid::Uuid,
    ) -> Result<[u8; 32], SealError> {
        let opened = self.wrapping.open_bytes(wrapped, person.as_bytes())?;
        opened.try_into().map_err(|_| SealError::Open)
    }

    pub(crate) fn wrap_hmac_keys(&self, keys: &HmacKeys) -> Result<Vec<u8>, SealError> {
        self.wrapping.seal_bytes(&keys.bytes, HMAC_KEYS.as_bytes())
    }

    pub(crate) fn unwrap_hmac_keys(&self, wrapped: &[u8]) -> Result<HmacKeys, SealError> {
        let opened = self.wrapping.open_bytes(wrapped, HMAC_KEYS.as_bytes())?;
        let bytes = opened.try_into().map_err(|_| SealError::Open)?;
        Ok(HmacKeys::from_bytes(bytes))
    }

    /// The HMAC keys that are derived from the master key.
    pub(crate) fn into_hmac_keys(self) -> HmacKeys {
        self.hmac
    }

    /// Identifies this master key, and reveals nothing else about it.
    pub(crate) fn check_value(&self) -> Vec<u8> {
        tag(&self.check, &[b"master key"])
    }
}

impl HmacKeys {
    fn from_bytes(bytes: [u8; 64]) -> HmacKeys {
        HmacKeys {
            claims: hmac_key(&bytes[..32]),
            idempotency: hmac_key(&bytes[32..]),
            bytes,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// Each part is preceded by its length, so that two different lists of parts never give the same text.
fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

fn hmac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

#[allow(clippy::expect_used)] // HKDF fails only for outputs of more than 255 hashes; this is one
fn derive(extracted: &hkdf::Prk, label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    extracted
        .expand(&[label.as_bytes()], &aead::AES_256_GCM)
        .and_then(|okm| okm.fill(&mut key))
        .expect("32 bytes are within HKDF's limit");
    key
}
