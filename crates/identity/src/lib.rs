//! Who someone is, and what proves it.
//!
//! Its tables are those of the schema `auth`. They are neither in the log, since what proves something must be
//! replaceable and destructible, nor a read model, which could be made anew. Nothing here knows HTTP.
//!
//! What holds:
//! - Of a secret only a hash is kept: argon2id of what people choose, SHA-256 of 256 random bits.
//! - What was revoked counts no longer, in any process, from the moment that the revocation is answered
//!   ([`Revocations`]).

pub mod access_token;
pub mod account;
pub mod api_key;
pub mod credentials;
pub mod oidc;
pub mod one_time;
pub mod password;
mod principal;
mod revocation;
pub mod session;

pub use self::principal::{Means, Principal};
pub use self::revocation::{Revocations, Revoked, revoke_tokens};
