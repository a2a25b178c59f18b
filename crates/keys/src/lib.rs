//! The keys that are stored outside of the database: the master key, from which the keys of personal data derive, the
//! Ed25519 keys that sign access tokens, and those that sign checkpoints.
//!
//! Each is a file of mode 0600 in `<data>/keys`, created at the first start. A file appears under its name completely
//! or not at all, and two processes that start at once end up with the same key. The checkpoints' public keys are also
//! a file there, which may be given to anybody.

mod access_token;
mod checkpoint;
mod files;
mod master;
mod weak;

use std::io;
use std::path::{Path, PathBuf};

pub use self::access_token::follow_token_keys;
pub use self::access_token::{Rotation, known_token_keys, rotate_token_key, token_keys};
pub use self::checkpoint::{
    checkpoint_signers, checkpoint_verifiers, retire_checkpoint_signers, rotate_checkpoint_key,
};
pub use self::master::{MasterKey, NextMasterKey};

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("could not read or make the key file {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{origin} is not 32 bytes in base64")]
    MasterKeyMalformed { origin: String },
    #[error("{origin} is no random key, so that others can guess it")]
    MasterKeyWeak { origin: String },
    #[error("a rotation that was interrupted has left another new master key in {}", path.display())]
    AnotherMasterKeyWaits { path: PathBuf },
    #[error("{} is not an Ed25519 key in PKCS #8", path.display())]
    TokenKeyMalformed { path: PathBuf },
    #[error("{} is not named by the instant from which it signs, like 20261127T053000Z.der", path.display())]
    TokenKeyMisnamed { path: PathBuf },
    #[error("{origin} holds no keys of checkpoints, a line each")]
    CheckpointKeyMalformed {
        origin: String,
        #[source]
        source: daybook_audit::KeyError,
    },
    #[error("the keys in {origin} are of different logs")]
    CheckpointKeysOfSeveralLogs { origin: String },
    #[error("the system gave no random bytes")]
    NoRandomness,
}

impl KeyError {
    pub fn remedy(&self) -> &'static str {
        match self {
            KeyError::MasterKeyMalformed { .. } => {
                "put the right key there; `openssl rand -base64 32` makes one for a new database"
            }
            KeyError::MasterKeyWeak { .. } => {
                "give one from `openssl rand -base64 32`; a database that has the weak one is moved by `daybook keys rotate master`"
            }
            KeyError::AnotherMasterKeyWaits { .. } => {
                "run `daybook keys rotate master` without DAYBOOK_NEW_MASTER_KEY to finish that one first"
            }
            KeyError::CheckpointKeyMalformed { .. }
            | KeyError::CheckpointKeysOfSeveralLogs { .. } => {
                "put the keys back as `daybook keys` wrote them"
            }
            KeyError::TokenKeyMalformed { .. } => {
                "remove the file; where it was the only one, a new key is made, and everybody's access token is refreshed"
            }
            KeyError::TokenKeyMisnamed { .. } => {
                "name it so, or take it out of that folder; `daybook keys rotate access-token` makes keys"
            }
            KeyError::File { .. } | KeyError::NoRandomness => {
                "let this user read and write the data folder, or choose another with --data"
            }
        }
    }
}

fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_may_read_a_key() {
        let data = tempfile::tempdir().unwrap();
        MasterKey::obtain(data.path(), None).unwrap();
        token_keys(data.path()).unwrap();
        checkpoint_signers(data.path(), None).unwrap();
        let tokens = folder(data.path()).join("access-tokens");
        let mut paths = ["", "master.key", "access-tokens", "checkpoint.key"]
            .map(|name| folder(data.path()).join(name))
            .to_vec();
        paths.extend(fs::read_dir(tokens).unwrap().map(|it| it.unwrap().path()));
        assert_eq!(paths.len(), 5);
        for path in paths {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is open to others", path.display());
        }
    }
}
