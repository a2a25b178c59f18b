//! The keys that are derived from the one master key.
//!
//! The master key never touches the database. From it come, by HKDF-SHA256 (RFC 5869) with a label
//! each: an HMAC key for e-mail claims, one for idempotency keys, and the key that wraps each
//! person's own key.

use std::fmt;

use aws_lc_rs::{aead, hkdf, hmac};
use sqlx::{PgPool, query_scalar};

use crate::LogError;
use crate::seal::{PersonKey, SealError};

pub struct Secrets {
    claims: hmac::Key,
    idempotency: hmac::Key,
    check: hmac::Key,
    wrapping: PersonKey,
}

/// The master key at hand is not the one that this database was made with.
#[derive(Debug, thiserror::Error)]
#[error("the master key is not the one that this database was made with")]
pub struct MasterKeyMismatch;

impl Secrets {
    pub fn from_master_key(master: &[u8; 32]) -> Secrets {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"daybook").extract(master);
        Secrets {
            claims: hmac_key(&extracted, "claims"),
            idempotency: hmac_key(&extracted, "idempotency"),
            check: hmac_key(&extracted, "check"),
            wrapping: PersonKey::from_bytes(&derive(&extracted, "person-keys")),
        }
    }

    /// What stands for a personal value (an e-mail) in the table of claims.
    pub fn claim_value(&self, kind: &str, value: &str) -> Vec<u8> {
        tag(&self.claims, &[kind.as_bytes(), value.as_bytes()])
    }

    pub fn idempotency_tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        tag(&self.idempotency, parts)
    }

    pub(crate) fn wrap(&self, key: &[u8; 32], person: uuid::Uuid) -> Result<Vec<u8>, SealError> {
        self.wrapping.seal_bytes(key, person.as_bytes())
    }

    pub(crate) fn unwrap(
        &self,
        wrapped: &[u8],
        person: uuid::Uuid,
    ) -> Result<PersonKey, SealError> {
        let opened = self.wrapping.open_bytes(wrapped, person.as_bytes())?;
        Ok(PersonKey::from_bytes(
            &opened.try_into().map_err(|_| SealError::Open)?,
        ))
    }

    /// Ties the database to this master key the first time, and refuses another one later: with
    /// another key no e-mail would be found taken and nothing sealed could be opened.
    pub async fn check(&self, pool: &PgPool) -> Result<Result<(), MasterKeyMismatch>, LogError> {
        let ours = tag(&self.check, &[b"master key"]);
        let settled: Vec<u8> = query_scalar("select log.settle('master_key_check', $1)")
            .bind(&ours)
            .fetch_one(pool)
            .await?;
        Ok(if settled == ours {
            Ok(())
        } else {
            Err(MasterKeyMismatch)
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// Each part is preceded by its length, so that no two lists of parts are one text.
fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

fn hmac_key(extracted: &hkdf::Prk, label: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &derive(extracted, label))
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
