//! The keys that sign checkpoints and check them.
//!
//! `checkpoint.key` holds the signing keys in their text form, a line each, the newest first. `checkpoint.pub` holds
//! every public key that was ever valid, also those whose signing keys are gone. All keys have the log's name. After a
//! rotation there are two signing keys until a checkpoint has the signatures of both; then the older one is retired.

use std::fs::File;
use std::path::{Path, PathBuf};

use daybook_audit::{SigningKey, VerifierKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, files, folder};

/// The keys that sign the next checkpoint, the newest first: the given ones (text forms separated by white space), or
/// those in the data folder, where one is created if there is none.
pub fn checkpoint_signers(data: &Path, given: Option<&str>) -> Result<Vec<SigningKey>, KeyError> {
    match given {
        Some(text) => signers_in(text, "DAYBOOK_CHECKPOINT_KEY"),
        None => CheckpointKeyFiles::lock(data)?.signers_or_new(),
    }
}

/// The public keys that checkpoints are checked with, the newest first: those of the given keys, and all that are in
/// the data folder. Empty if there are neither; creates none.
pub fn checkpoint_verifiers(
    data: &Path,
    given: Option<&str>,
) -> Result<Vec<VerifierKey>, KeyError> {
    let mut verifiers = match given {
        Some(_) => public_keys(&checkpoint_signers(data, given)?),
        None => Vec::new(),
    };
    add_missing(&mut verifiers, verifiers_in(&public_file(data))?);
    Ok(verifiers)
}

/// Creates a new signing key for the same log and returns its public part. The older ones stay until the next
/// checkpoint.
pub fn rotate_checkpoint_key(data: &Path) -> Result<VerifierKey, KeyError> {
    let files = CheckpointKeyFiles::lock(data)?;
    let mut signers = files.signers_or_new()?;
    let new = generate(signers.first().map(SigningKey::name))?;
    let verifier = new.verifier().clone();
    signers.insert(0, new);
    files.keep(&signers)?;
    Ok(verifier)
}

/// Deletes all signing keys in the data folder but the newest, and returns how many. Call it once a checkpoint that is
/// signed by all of them is durable.
pub fn retire_checkpoint_signers(data: &Path) -> Result<usize, KeyError> {
    let files = CheckpointKeyFiles::lock(data)?;
    let mut signers = files.signers()?;
    let older = signers.split_off(signers.len().min(1));
    if !older.is_empty() {
        files.keep(&signers)?;
    }
    Ok(older.len())
}

/// The files in the data folder, locked so that nobody else changes them meanwhile.
struct CheckpointKeyFiles {
    secret: PathBuf,
    public: PathBuf,
    _lock: File,
}

impl CheckpointKeyFiles {
    fn lock(data: &Path) -> Result<CheckpointKeyFiles, KeyError> {
        let folder = folder(data);
        Ok(CheckpointKeyFiles {
            _lock: files::lock(&folder)?,
            secret: folder.join("checkpoint.key"),
            public: public_file(data),
        })
    }

    fn signers(&self) -> Result<Vec<SigningKey>, KeyError> {
        let Some(content) = files::read_if_there(&self.secret)? else {
            return Ok(Vec::new());
        };
        signers_in(&text(&content, &self.secret)?, &origin(&self.secret))
    }

    /// If the signing key was lost but its public key was not, the new one gets the same log's name.
    fn signers_or_new(&self) -> Result<Vec<SigningKey>, KeyError> {
        let mut signers = self.signers()?;
        if signers.is_empty() {
            let known = verifiers_in(&self.public)?;
            signers.push(generate(known.first().map(VerifierKey::name))?);
        }
        self.keep(&signers)?;
        Ok(signers)
    }

    /// Writes the public keys first, so that nothing is ever signed that cannot be checked.
    fn keep(&self, signers: &[SigningKey]) -> Result<(), KeyError> {
        let known = verifiers_in(&self.public)?;
        let mut verifiers = public_keys(signers);
        add_missing(&mut verifiers, known.clone());
        if verifiers != known {
            files::replace(&self.public, lines(&verifiers).as_bytes())?;
        }
        let mut secret = Zeroizing::new(String::new());
        for signer in signers {
            let text = signer
                .to_text()
                .map_err(|source| malformed(&self.secret, source))?;
            secret.push_str(text.expose_secret());
            secret.push('\n');
        }
        match files::read_if_there(&self.secret)? {
            Some(kept) if kept.as_slice() == secret.as_bytes() => Ok(()),
            _ => files::replace(&self.secret, secret.as_bytes()),
        }
    }
}

fn generate(name: Option<&str>) -> Result<SigningKey, KeyError> {
    let name = name.map_or_else(SigningKey::new_log_name, str::to_owned);
    SigningKey::generate(&name).map_err(|_| KeyError::NoRandomness)
}

fn signers_in(text: &str, origin: &str) -> Result<Vec<SigningKey>, KeyError> {
    let keys = text.split_whitespace().map(|text| {
        SigningKey::from_text(&SecretString::from(text)).map_err(|source| {
            KeyError::CheckpointKeyMalformed {
                origin: origin.to_owned(),
                source,
            }
        })
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    match keys
        .iter()
        .all(|key| Some(key.name()) == keys.first().map(SigningKey::name))
    {
        true => Ok(keys),
        false => Err(KeyError::CheckpointKeysOfSeveralLogs {
            origin: origin.to_owned(),
        }),
    }
}

fn verifiers_in(path: &Path) -> Result<Vec<VerifierKey>, KeyError> {
    let Some(content) = files::read_if_there(path)? else {
        return Ok(Vec::new());
    };
    text(&content, path)?
        .split_whitespace()
        .map(|text| text.parse().map_err(|source| malformed(path, source)))
        .collect()
}

fn public_keys(signers: &[SigningKey]) -> Vec<VerifierKey> {
    signers
        .iter()
        .map(|signer| signer.verifier().clone())
        .collect()
}

fn add_missing(verifiers: &mut Vec<VerifierKey>, others: Vec<VerifierKey>) {
    for other in others {
        if !verifiers.contains(&other) {
            verifiers.push(other);
        }
    }
}

fn lines(verifiers: &[VerifierKey]) -> String {
    verifiers
        .iter()
        .map(|verifier| format!("{verifier}\n"))
        .collect()
}

fn public_file(data: &Path) -> PathBuf {
    folder(data).join("checkpoint.pub")
}

fn text(content: &[u8], path: &Path) -> Result<Zeroizing<String>, KeyError> {
    std::str::from_utf8(content)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| malformed(path, daybook_audit::KeyError::Malformed))
}

fn malformed(path: &Path, source: daybook_audit::KeyError) -> KeyError {
    KeyError::CheckpointKeyMalformed {
        origin: origin(path),
        source,
    }
}

fn origin(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn ids(signers: &[SigningKey]) -> Vec<String> {
        signers
            .iter()
            .map(|signer| signer.verifier().id_text())
            .collect()
    }

    #[test]
    fn a_key_is_made_once_and_then_found_again() {
        let data = tempfile::tempdir().unwrap();
        assert!(
            checkpoint_verifiers(data.path(), None).unwrap().is_empty(),
            "looking makes no key"
        );
        let made = checkpoint_signers(data.path(), None).unwrap();
        let found = checkpoint_signers(data.path(), None).unwrap();
        assert_eq!((made.len(), ids(&made)), (1, ids(&found)));
        assert_eq!(
            checkpoint_verifiers(data.path(), None).unwrap(),
            public_keys(&made)
        );
    }

    #[test]
    fn after_a_rotation_both_keys_sign_until_the_older_is_retired_and_both_stay_trusted() {
        let data = tempfile::tempdir().unwrap();
        let old = checkpoint_signers(data.path(), None).unwrap();
        let new = rotate_checkpoint_key(data.path()).unwrap();
        assert_eq!(new.name(), old[0].name());
        let both = checkpoint_signers(data.path(), None).unwrap();
        assert_eq!(ids(&both), [new.id_text(), old[0].verifier().id_text()]);
        assert_eq!(retire_checkpoint_signers(data.path()).unwrap(), 1);
        assert_eq!(retire_checkpoint_signers(data.path()).unwrap(), 0);
        let left = checkpoint_signers(data.path(), None).unwrap();
        assert_eq!(ids(&left), [new.id_text()]);
        assert_eq!(
            checkpoint_verifiers(data.path(), None).unwrap(),
            public_keys(&both)
        );
    }

    #[test]
    fn given_keys_win_touch_no_file_and_are_trusted_beside_those_that_are_known() {
        let data = tempfile::tempdir().unwrap();
        let known = checkpoint_signers(data.path(), None).unwrap();
        let before = fs::read(folder(data.path()).join("checkpoint.key")).unwrap();
        let other = SigningKey::generate("elsewhere").unwrap();
        let text = other.to_text().unwrap();
        let given = Some(text.expose_secret());
        assert_eq!(
            ids(&checkpoint_signers(data.path(), given).unwrap()),
            [other.verifier().id_text()]
        );
        assert_eq!(
            checkpoint_verifiers(data.path(), given).unwrap(),
            [other.verifier().clone(), known[0].verifier().clone()]
        );
        let after = fs::read(folder(data.path()).join("checkpoint.key")).unwrap();
        assert_eq!(before, after);
    }

    #[test]
    fn a_lost_signing_key_is_followed_by_one_of_the_same_log() {
        let data = tempfile::tempdir().unwrap();
        let lost = checkpoint_signers(data.path(), None).unwrap();
        fs::remove_file(folder(data.path()).join("checkpoint.key")).unwrap();
        let new = checkpoint_signers(data.path(), None).unwrap();
        assert_eq!(new[0].name(), lost[0].name());
        assert_ne!(ids(&new), ids(&lost));
        assert_eq!(checkpoint_verifiers(data.path(), None).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let data = tempfile::tempdir().unwrap();
        let error = checkpoint_signers(data.path(), Some("PRIVATE+KEY+secret")).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
        let of = |name| SigningKey::generate(name).unwrap().to_text().unwrap();
        let two = format!(
            "{} {}",
            of("one").expose_secret(),
            of("other").expose_secret()
        );
        assert!(matches!(
            checkpoint_signers(data.path(), Some(&two)),
            Err(KeyError::CheckpointKeysOfSeveralLogs { .. })
        ));
    }
}
