//! The format of an access token (RFC 9068). Anything that is not specified here is not examined but refused.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::InvalidToken;

pub(super) const ISSUER: &str = "daybook";
pub(super) const AUDIENCE: &str = "daybook-api";
/// The type makes sure that no other kind of JWT that a key may ever sign can be passed off as an access token.
pub(super) const TOKEN_TYPE: &str = "at+jwt";

const ALGORITHM: &str = "EdDSA";

/// Everything that a header may hold. Our tokens have no parameters that contain or point to a key (`jwk`, `jku`,
/// `x5c`, `x5u`) or demand to be understood (`crit`), so a token that has them is not ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: UserId,
    pub(super) exp: i64,
    pub(super) nbf: i64,
    pub(super) iat: i64,
    pub(super) jti: Uuid,
    pub(super) roles: BTreeSet<Role>,
    /// The session that the token was given to.
    pub(super) sid: Uuid,
    /// The generation of the account's tokens: a later one revokes this token.
    pub(super) generation: i64,
}

/// The id of the key that a token says it was signed with. It is only looked up among the known keys.
pub(super) fn key_id(token: &str) -> Result<String, InvalidToken> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(InvalidToken::Malformed);
    };
    let header = BASE64_URL_SAFE_NO_PAD.decode(header);
    let header = header.map_err(|_| InvalidToken::Malformed)?;
    let header: Header = serde_json::from_slice(&header).map_err(InvalidToken::Header)?;
    match (&*header.alg, &*header.typ) {
        (ALGORITHM, TOKEN_TYPE) => Ok(header.kid),
        _ => Err(InvalidToken::WrongType),
    }
}
