//! Who someone is, and what proves it.
//!
//! Its tables are those of the schema `auth`. They are neither in the log, since what proves something must be
//! replaceable and destructible, nor a read model, which could be made anew. Nothing here knows HTTP.
//!
//! What holds:
//! - Of a secret only a hash is kept: argon2id of what people choose, SHA-256 of 256 random bits.
//! - What was revoked counts no longer, in any process, from the moment that the revocation is answered
//!   ([`Revocations`]).
//! - Guessing a password takes ever longer, and nobody is kept from their account by others who guess ([`guessing`]).
//! - What happened to accounts is told in a log of its own ([`security`]).

pub mod access_token;
pub mod credentials;
pub mod guessing;
pub mod password;
mod principal;
mod revocation;
pub mod security;
pub mod session;

use daybook_domain::UserId;
use sqlx::PgPool;

pub use self::principal::{Means, Principal};
pub use self::revocation::{Revocations, Revoked, revoke_tokens};

/// Takes a person whose erasure is durable out of what is kept here and is not gone with their key. May be repeated.
pub async fn forget(pool: &PgPool, person: UserId) -> Result<(), sqlx::Error> {
    sqlx::query("select auth.forget_person($1)")
        .bind(person.as_uuid())
        .execute(pool)
        .await?;
    Ok(())
}
