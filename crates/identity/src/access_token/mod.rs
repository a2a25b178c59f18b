//! Access tokens: JWTs as RFC 9068 defines them, signed with Ed25519, valid for minutes, checked without a look-up. The
//! token chooses neither the algorithm nor the key: it names one of the trusted keys ([`KeyRing`]), and each of those
//! knows only one algorithm.

mod format;
mod key;
mod ring;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::JwkSet;
use moka::sync::Cache;
use parking_lot::RwLock;
use uuid::Uuid;

use self::format::{AUDIENCE, Claims, ISSUER};
pub use self::key::Key;
pub use self::ring::{KeyRing, LONGEST_LIFETIME, RingKey};
use crate::principal::{Means, Principal};

const CHECKED_TOKENS: u64 = 20_000;
const CHECKED_FOR: Duration = Duration::from_secs(300);

/// The keys that access tokens are signed and checked with. Clones share them.
#[derive(Clone)]
pub struct TokenKeys(Arc<Inner>);

struct Inner {
    ring: RwLock<Arc<KeyRing>>,
    /// Tokens whose signature was found valid: verifying it costs more than everything else that a request does here.
    checked: Cache<String, Checked>,
}

#[derive(Clone)]
struct Checked {
    principal: Principal,
    key_id: Arc<str>,
    not_before: i64,
    expires_at: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    #[error("the key is not an Ed25519 key pair in PKCS#8")]
    NotAKey,
    #[error("there is no key to sign with")]
    NoKey,
    #[error("no randomness for a key pair")]
    Random,
    #[error("the key could not be given a name")]
    Name(#[source] jsonwebtoken::errors::Error),
    #[error("access tokens are for sessions only")]
    NoSession,
    #[error("a token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A token that is not accepted. The reason is only for the log, not for the client.
#[derive(Debug, thiserror::Error)]
pub enum InvalidToken {
    #[error("not three parts")]
    Malformed,
    #[error("the header is not that of an access token: {0}")]
    Header(serde_json::Error),
    #[error("not an access token signed with EdDSA")]
    WrongType,
    #[error("no trusted key has this name")]
    UnknownKey,
    #[error(transparent)]
    Jwt(#[from] jsonwebtoken::errors::Error),
}

impl TokenKeys {
    pub fn new(ring: KeyRing) -> TokenKeys {
        TokenKeys(Arc::new(Inner {
            ring: RwLock::new(Arc::new(ring)),
            checked: Cache::builder()
                .max_capacity(CHECKED_TOKENS)
                .time_to_live(CHECKED_FOR)
                .build(),
        }))
    }

    /// A new key pair, to be stored: PKCS#8, DER.
    pub fn generate() -> Result<Vec<u8>, TokenKeyError> {
        Key::generate()
    }

    /// A single key, which signs from the beginning.
    pub fn from_pkcs8(der: &[u8]) -> Result<TokenKeys, TokenKeyError> {
        let key = Key::from_pkcs8(der)?;
        Ok(TokenKeys::new(KeyRing::new([(DateTime::UNIX_EPOCH, key)])?))
    }

    /// Continues with other keys; returns whether they are different. Tokens signed with a key that is not among them
    /// are no longer valid.
    pub fn replace(&self, ring: KeyRing) -> bool {
        let mut present = self.0.ring.write();
        let differs = **present != ring;
        if differs {
            *present = Arc::new(ring);
        }
        differs
    }

    /// The public keys with which tokens may be signed, now or soon.
    pub fn published(&self, now: DateTime<Utc>) -> JwkSet {
        JwkSet {
            keys: self
                .ring()
                .trusted(now)
                .map(|key| key.public().clone())
                .collect(),
        }
    }

    /// Signs a token for a principal who has a session.
    pub fn sign(
        &self,
        principal: &Principal,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<String, TokenKeyError> {
        let Means::Session { id, generation } = principal.means else {
            return Err(TokenKeyError::NoSession);
        };
        let issued_at = now.timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.user_id,
            exp: issued_at + ttl.min(LONGEST_LIFETIME).as_secs() as i64,
            nbf: issued_at,
            iat: issued_at,
            jti: Uuid::now_v7(),
            roles: principal.roles.clone(),
            sid: id,
            generation,
        };
        self.ring().signing(now).sign(&claims)
    }

    /// The principal that a valid token names. Whether it was revoked is known to [`crate::Revocations`].
    pub fn check(&self, token: &str) -> Result<Principal, InvalidToken> {
        let (ring, now) = (self.ring(), Utc::now());
        let known = self.0.checked.get(token);
        if let Some(known) = known.filter(|known| known.holds(&ring, now)) {
            return Ok(known.principal);
        }
        let key_id = format::key_id(token)?;
        let key = ring.find(&key_id, now).ok_or(InvalidToken::UnknownKey)?;
        let checked = Checked::new(key, key.verify(token)?);
        self.0.checked.insert(token.to_owned(), checked.clone());
        Ok(checked.principal)
    }

    fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.ring.read())
    }
}

impl Checked {
    fn new(key: &Key, claims: Claims) -> Checked {
        Checked {
            principal: Principal {
                user_id: claims.sub,
                roles: claims.roles,
                means: Means::Session {
                    id: claims.sid,
                    generation: claims.generation,
                },
            },
            key_id: Arc::clone(key.id()),
            not_before: claims.nbf,
            expires_at: claims.exp,
        }
    }

    /// Without leeway: close to the limits the token itself is checked.
    fn holds(&self, ring: &KeyRing, now: DateTime<Utc>) -> bool {
        let seconds = now.timestamp();
        self.not_before <= seconds
            && seconds < self.expires_at
            && ring.find(&self.key_id, now).is_some()
    }
}
