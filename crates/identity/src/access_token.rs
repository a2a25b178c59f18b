//! Access tokens: JWTs as RFC 9068 has them, signed with Ed25519, valid for minutes, checked without a look-up.
//! The algorithm is this server's choice, never the token's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::principal::{Means, Principal};

const ISSUER: &str = "daybook";
const AUDIENCE: &str = "daybook-api";
/// RFC 9068: no other kind of JWT that this key may ever sign can be passed off as an access token.
const TOKEN_TYPE: &str = "at+jwt";
/// Between two servers' clocks.
const LEEWAY_S: u64 = 5;
const CHECKED_TOKENS: u64 = 20_000;
const CHECKED_FOR: Duration = Duration::from_secs(300);

/// The key pair that access tokens are signed and checked with.
#[derive(Clone)]
pub struct TokenKeys(Arc<Inner>);

struct Inner {
    signing: EncodingKey,
    checking: DecodingKey,
    header: Header,
    validation: Validation,
    /// Tokens whose signature was found good: checking one costs more than everything else that a
    /// request does here.
    checked: Cache<String, Checked>,
}

#[derive(Clone)]
struct Checked {
    principal: Principal,
    not_before: i64,
    expires_at: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    #[error("the key is no Ed25519 key pair in PKCS#8")]
    NotAKey,
    #[error("no randomness for a key pair")]
    Random,
    #[error("a token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A token that proves nothing. Why is nobody's business but the log's.
#[derive(Debug, thiserror::Error)]
pub enum InvalidToken {
    #[error("not an access token")]
    WrongType,
    #[error(transparent)]
    Jwt(#[from] jsonwebtoken::errors::Error),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: Uuid,
    roles: BTreeSet<Role>,
    /// The session that the token was given to.
    sid: Uuid,
    /// Of the account's tokens: a later one revokes this.
    generation: i64,
}

impl TokenKeys {
    /// A new key pair, to be kept: PKCS#8, DER.
    pub fn generate() -> Result<Vec<u8>, TokenKeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| TokenKeyError::Random)?;
        let der = pair.to_pkcs8().map_err(|_| TokenKeyError::Random)?;
        Ok(der.as_ref().to_vec())
    }

    pub fn from_pkcs8(der: &[u8]) -> Result<TokenKeys, TokenKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| TokenKeyError::NotAKey)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        Ok(TokenKeys(Arc::new(Inner {
            signing: EncodingKey::from_ed_der(der),
            checking: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            header,
            validation,
            checked: Cache::builder()
                .max_capacity(CHECKED_TOKENS)
                .time_to_live(CHECKED_FOR)
                .build(),
        })))
    }

    pub fn sign(
        &self,
        principal: &Principal,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<String, TokenKeyError> {
        let Means::Session { id, generation } = principal.means;
        let now = now.timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.user_id,
            exp: now + ttl.as_secs() as i64,
            nbf: now,
            iat: now,
            jti: Uuid::now_v7(),
            roles: principal.roles.clone(),
            sid: id,
            generation,
        };
        encode(&self.0.header, &claims, &self.0.signing).map_err(TokenKeyError::Sign)
    }

    /// Whom a token speaks of; that it was not revoked is for [`crate::Revocations`] to tell.
    pub fn check(&self, token: &str) -> Result<Principal, InvalidToken> {
        let known = self.0.checked.get(token);
        if let Some(known) = known.filter(|known| known.holds_at(Utc::now().timestamp())) {
            return Ok(known.principal);
        }
        let decoded = decode::<Claims>(token, &self.0.checking, &self.0.validation)?;
        if decoded.header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(InvalidToken::WrongType);
        }
        let Claims {
            sub: user_id,
            roles,
            nbf: not_before,
            exp: expires_at,
            sid: id,
            generation,
            ..
        } = decoded.claims;
        let principal = Principal {
            user_id,
            roles,
            means: Means::Session { id, generation },
        };
        let checked = Checked {
            principal: principal.clone(),
            not_before,
            expires_at,
        };
        self.0.checked.insert(token.to_owned(), checked);
        Ok(principal)
    }
}

impl Checked {
    /// Without leeway: at the edges the token itself is looked at.
    fn holds_at(&self, now: i64) -> bool {
        self.not_before <= now && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    const TTL: Duration = Duration::from_secs(900);

    fn keys() -> (Vec<u8>, TokenKeys) {
        let der = TokenKeys::generate().unwrap();
        let keys = TokenKeys::from_pkcs8(&der).unwrap();
        (der, keys)
    }

    fn ann() -> UserId {
        Uuid::from_u128(7).into()
    }

    fn principal<const N: usize>(roles: [Role; N]) -> Principal {
        Principal {
            user_id: ann(),
            roles: roles.into(),
            means: Means::Session {
                id: Uuid::from_u128(8),
                generation: 3,
            },
        }
    }

    fn claims() -> Value {
        let now = Utc::now().timestamp();
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": ann(), "exp": now + 60, "nbf": now, "iat": now,
               "jti": Uuid::now_v7(), "roles": ["user"], "sid": Uuid::from_u128(8), "generation": 3})
    }

    fn signed(der: &[u8], header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_ed_der(der)).unwrap()
    }

    fn header(typ: Option<&str>) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = typ.map(str::to_owned);
        header
    }

    #[test]
    fn a_token_says_who_someone_is_until_it_expires() {
        let (_, keys) = keys();
        let ann = principal([Role::Admin, Role::User]);
        let token = keys.sign(&ann, Utc::now(), TTL).unwrap();
        assert_eq!(keys.check(&token).unwrap(), ann);
        let long_ago = Utc::now() - TTL - Duration::from_secs(10);
        let old = keys.sign(&ann, long_ago, TTL).unwrap();
        assert!(keys.check(&old).is_err());
        let soon = Utc::now() + Duration::from_secs(60);
        let early = keys.sign(&ann, soon, TTL).unwrap();
        assert!(keys.check(&early).is_err());
    }

    #[test]
    fn a_token_that_was_good_once_expires_all_the_same() {
        let checked = Checked {
            principal: principal([]),
            not_before: 100,
            expires_at: 200,
        };
        let held: Vec<bool> = [99, 100, 199, 200].map(|now| checked.holds_at(now)).into();
        assert_eq!(held, [false, true, true, false]);
    }

    #[test]
    fn the_tokens_made_here_by_hand_are_otherwise_sound() {
        let (der, keys) = keys();
        keys.check(&signed(&der, &header(Some(TOKEN_TYPE)), &claims()))
            .unwrap();
    }

    #[test]
    fn a_foreign_issuer_audience_type_or_key_is_refused() {
        let (der, keys) = keys();
        let sound = header(Some(TOKEN_TYPE));
        let (other_der, _) = self::keys();
        assert!(keys.check(&signed(&other_der, &sound, &claims())).is_err());
        assert!(
            keys.check(&signed(&der, &header(Some("JWT")), &claims()))
                .is_err()
        );
        assert!(keys.check(&signed(&der, &header(None), &claims())).is_err());
        for (claim, value) in [
            ("iss", json!("other")),
            ("aud", json!("other")),
            ("sub", json!("nobody")),
            ("exp", json!(1)),
            ("roles", json!(["root"])),
        ] {
            let mut claims = claims();
            claims[claim] = value;
            assert!(
                keys.check(&signed(&der, &sound, &claims)).is_err(),
                "{claim}"
            );
        }
        for claim in [
            "iss",
            "aud",
            "sub",
            "exp",
            "nbf",
            "roles",
            "sid",
            "generation",
        ] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            assert!(
                keys.check(&signed(&der, &sound, &claims)).is_err(),
                "without {claim}"
            );
        }
    }

    #[test]
    fn the_algorithm_is_not_the_tokens_to_choose() {
        let (der, keys) = keys();
        let public = Ed25519KeyPair::from_pkcs8(&der)
            .unwrap()
            .public_key()
            .as_ref()
            .to_vec();
        let mut symmetric = Header::new(Algorithm::HS256);
        symmetric.typ = Some(TOKEN_TYPE.to_owned());
        let confused = encode(&symmetric, &claims(), &EncodingKey::from_secret(&public)).unwrap();
        assert!(keys.check(&confused).is_err());
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let none = format!(
            "{}.{}.",
            part(json!({"alg": "none", "typ": TOKEN_TYPE})),
            part(claims())
        );
        assert!(keys.check(&none).is_err());
    }

    #[test]
    fn a_changed_token_is_refused() {
        let (_, keys) = keys();
        let token = keys
            .sign(&principal([Role::User]), Utc::now(), TTL)
            .unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let raised = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let raised = BASE64_URL_SAFE_NO_PAD.encode(raised.replace("\"user\"", "\"admin\""));
        assert!(
            keys.check(&format!("{}.{raised}.{}", parts[0], parts[2]))
                .is_err()
        );
        assert!(keys.check(&format!("{}.{}.", parts[0], parts[1])).is_err());
        assert!(keys.check("").is_err());
    }
}
