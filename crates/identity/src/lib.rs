//! Who somebody is, and what proves it.
//!
//! Its tables are in the schema `auth`. They are not in the log, since proofs of identity must be replaceable and
//! destructible; and they are not a read model, since they could not be rebuilt. Nothing here knows HTTP.
//!
//! What holds:
//! - Of a secret only a hash is stored: argon2id for what people choose, SHA-256 for 256 random bits.
//! - What was revoked is no longer valid, in any process, from the moment when the revocation is answered
//!   ([`Revocations`]).
//! - Guessing a password takes longer and longer, and nobody is kept from their account by others who guess
//!   ([`guessing`]).
//! - What happened to accounts is recorded in a log of its own ([`security`]).

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
