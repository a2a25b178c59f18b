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
pub mod account;
pub mod api_key;
pub mod credentials;
pub mod guessing;
pub mod oidc;
pub mod one_time;
pub mod password;
mod principal;
mod revocation;
pub mod security;
pub mod session;

pub use self::principal::{Means, Principal};
pub use self::revocation::{Revocations, Revoked, revoke_tokens};
