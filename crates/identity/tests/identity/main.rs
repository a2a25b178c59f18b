//! What proves who somebody is, on a real PostgreSQL: each room's promises, without HTTP before it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access_tokens;
mod accounts;
mod api_keys;
mod at_once;
mod credentials;
mod guessing;
mod known_networks;
mod oidc_attempts;
mod oidc_lies;
mod oidc_provider;
mod oidc_subjects;
mod one_time;
mod one_time_issuing;
mod proofs;
mod reuse;
mod revocations;
mod security_kept;
mod security_log;
mod security_search;
mod sessions;
mod site;
