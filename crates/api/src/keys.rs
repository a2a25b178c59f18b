//! The keys that live beside the database, never in it: the master key, from which the keys of
//! personal data derive, and the Ed25519 key that signs access tokens.
//!
//! Each is a file of mode 0600 in `<data>/keys`, made at the first start. It appears under its name
//! whole or not at all, and of two processes that start at once both end up with the same key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroizing};
use uuid::Uuid;

use crate::auth::token::TokenKeys;

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
    #[error("{} is not an Ed25519 key in PKCS #8", path.display())]
    TokenKeyMalformed { path: PathBuf },
    #[error("the system gave no random bytes")]
    NoRandomness,
}

/// The key of keys. Prints as `[REDACTED]`.
#[derive(Debug)]
pub struct MasterKey(SecretBox<[u8; 32]>);

impl MasterKey {
    /// The given key, or the one in the data folder, made there where it is missing.
    pub fn obtain(data: &Path, given: Option<&str>) -> Result<MasterKey, KeyError> {
        MasterKey::take(data, given, |path| {
            read_or_create(path, || {
                let mut key = Zeroizing::new([0; 32]);
                rand::fill(key.as_mut_slice()).map_err(|_| KeyError::NoRandomness)?;
                Ok(format!("{}\n", BASE64_STANDARD.encode(*key)).into_bytes())
            })
        })
    }

    /// The same for commands that only look: makes no key.
    pub fn existing(data: &Path, given: Option<&str>) -> Result<MasterKey, KeyError> {
        MasterKey::take(data, given, |path| {
            let failed = |source| KeyError::File {
                path: path.to_owned(),
                source,
            };
            fs::read(path).map(Zeroizing::new).map_err(failed)
        })
    }

    fn take(
        data: &Path,
        given: Option<&str>,
        read: impl FnOnce(&Path) -> Result<Zeroizing<Vec<u8>>, KeyError>,
    ) -> Result<MasterKey, KeyError> {
        if let Some(text) = given {
            return parse(text).ok_or_else(|| KeyError::MasterKeyMalformed {
                origin: "DAYBOOK_MASTER_KEY".to_owned(),
            });
        }
        let path = data.join("keys").join("master.key");
        let text = read(&path)?;
        std::str::from_utf8(&text)
            .ok()
            .and_then(parse)
            .ok_or_else(|| KeyError::MasterKeyMalformed {
                origin: path.display().to_string(),
            })
    }

    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// A password for the demo shop's accounts: the same at every start, another in every shop, so
    /// that a demo that is reachable from outside isn't open to whoever knows the source.
    pub fn demo_password(&self, account: &str) -> SecretString {
        // Without characters that are mistaken for one another.
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose());
        let tag = hmac::sign(&key, format!("demo password of {account}").as_bytes());
        let letters: Vec<char> = tag.as_ref()[..16]
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
        SecretString::from(groups.join("-"))
    }
}

/// The key that signs access tokens; processes that share a data folder accept each other's tokens.
pub fn token_keys(data: &Path) -> Result<TokenKeys, KeyError> {
    let path = data.join("keys").join("jwt-ed25519.der");
    let pkcs8 = read_or_create(&path, || {
        TokenKeys::generate().map_err(|_| KeyError::NoRandomness)
    })?;
    TokenKeys::from_pkcs8(&pkcs8).map_err(|_| KeyError::TokenKeyMalformed { path })
}

fn parse(base64: &str) -> Option<MasterKey> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(base64.trim()).ok()?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(MasterKey(SecretBox::new(Box::new(key))))
}

fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, KeyError>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read.map(Zeroizing::new).map_err(failed),
    }
    let made = Zeroizing::new(make()?);
    publish(path, &made).map_err(failed)?;
    fs::read(path).map(Zeroizing::new).map_err(failed)
}

/// Writes under a name of its own, then links to the one that counts, which fails where another
/// process was faster: its key is the one.
fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_folder(folder)?;
    let draft = folder.join(format!(".{}", Uuid::now_v7()));
    let written = write_private(&draft, content).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&draft)?;
    written?;
    File::open(folder)?.sync_all()
}

/// Only the last folder is closed to others: the one above also holds a private PostgreSQL, which
/// may run as another user.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    fn scratch() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("daybook-keys-{}", Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn of_processes_that_start_at_once_all_get_one_key() {
        let data = scratch();
        let keys: Vec<[u8; 32]> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| *MasterKey::obtain(&data, None).unwrap().expose()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(
            keys.iter().all(|key| *key == keys[0]),
            "two processes took different keys"
        );
        let left: Vec<_> = fs::read_dir(data.join("keys")).unwrap().collect();
        assert_eq!(left.len(), 1, "a draft was left behind");
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn nobody_else_may_read_a_key() {
        let data = scratch();
        MasterKey::obtain(&data, None).unwrap();
        token_keys(&data).unwrap();
        for name in ["keys", "keys/master.key", "keys/jwt-ed25519.der"] {
            let mode = fs::metadata(data.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name} is open to others");
        }
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_given_key_wins_and_touches_no_file() {
        let data = scratch();
        let text = BASE64_STANDARD.encode([7; 32]);
        let key = MasterKey::obtain(&data, Some(&text)).unwrap();
        assert_eq!(key.expose(), &[7; 32]);
        assert!(!data.join("keys").exists());
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_not_shown() {
        let short = BASE64_STANDARD.encode([7; 16]);
        let error = MasterKey::obtain(Path::new("/nowhere"), Some(&short)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DAYBOOK_MASTER_KEY is not 32 bytes in base64"
        );
        let key = MasterKey::obtain(
            Path::new("/nowhere"),
            Some(&BASE64_STANDARD.encode([7; 32])),
        );
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn a_demo_password_is_a_shops_own_and_stays() {
        let one = parse(&BASE64_STANDARD.encode([1; 32])).unwrap();
        let other = parse(&BASE64_STANDARD.encode([2; 32])).unwrap();
        let of = |key: &MasterKey, account| key.demo_password(account).expose_secret().to_owned();
        assert_eq!(of(&one, "admin"), of(&one, "admin"));
        assert_ne!(of(&one, "admin"), of(&one, "customers"));
        assert_ne!(of(&one, "admin"), of(&other, "admin"));
        assert_eq!(of(&one, "admin").len(), 19);
    }
}
