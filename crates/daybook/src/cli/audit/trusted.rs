//! The public keys that a check trusts.

use std::fs;
use std::path::Path;

use clap::Args;
use daybook_audit::VerifierKey;
use daybook_keys as keys;

use super::CheckError;
use crate::config::DataConfig;
use crate::failure::Failure;

#[derive(Args, Debug)]
pub(super) struct Trusted {
    /// A public key to trust, or a file of them; may be repeated [default: keys/checkpoint.pub in the data folder]
    #[arg(long = "pubkey", value_name = "KEY|FILE")]
    keys: Vec<String>,
}

impl Trusted {
    /// The given keys, or those of the data folder; at least one.
    pub(super) fn keys(&self, data: &DataConfig) -> Result<Vec<VerifierKey>, Failure> {
        let keys = match self.keys.is_empty() {
            true => keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?,
            false => self.given()?,
        };
        match keys.is_empty() {
            true => Err(CheckError::NothingTrusted.into()),
            false => Ok(keys),
        }
    }

    fn given(&self) -> Result<Vec<VerifierKey>, CheckError> {
        let mut keys = Vec::new();
        for given in &self.keys {
            let text = match Path::new(given).is_file() {
                true => fs::read_to_string(given).map_err(|error| unusable(given, error))?,
                false => given.clone(),
            };
            for key in text.split_whitespace() {
                keys.push(key.parse().map_err(|error| neither(given, error))?);
            }
        }
        Ok(keys)
    }
}

/// A key has plus signs in it; what has none, and is no file either, was meant to be one.
fn neither(given: &str, error: daybook_audit::KeyError) -> CheckError {
    match fs::metadata(given) {
        Err(missing) if !given.contains('+') => unusable(given, missing),
        _ => unusable(given, error),
    }
}

fn unusable(given: &str, error: impl std::error::Error) -> CheckError {
    CheckError::Unreadable {
        what: "the public key",
        source: format!("{given}: {error}").into(),
    }
}
