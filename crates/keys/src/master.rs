//! The master key, and the one that will replace it.

use std::path::{Path, PathBuf};

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroizing};

use super::weak::is_made_up;
use super::{KeyError, files, folder};

/// The key from which other keys derive. Prints as `[REDACTED]`.
#[derive(Debug)]
pub struct MasterKey(SecretBox<[u8; 32]>);

/// A master key that will replace the present one. If it is a file, it has a different name until the database uses it,
/// so that an interrupted rotation finds it again.
pub struct NextMasterKey {
    key: MasterKey,
    /// Its file now, and the file that it will become.
    files: Option<(PathBuf, PathBuf)>,
}

impl MasterKey {
    /// The given key, or the one in the data folder, which is created if it is missing. A key that was made up and not
    /// drawn at random is refused.
    pub fn obtain(data: &Path, given: Option<&str>) -> Result<MasterKey, KeyError> {
        let key = MasterKey::take(data, given, |path| files::read_or_create(path, generate))?;
        key.drawn_at_random(|| match given {
            Some(_) => "DAYBOOK_MASTER_KEY".to_owned(),
            None => file(data).display().to_string(),
        })
    }

    /// The same for commands that only read, or give the database another key: creates no key, and accepts any.
    pub fn existing(data: &Path, given: Option<&str>) -> Result<MasterKey, KeyError> {
        MasterKey::take(data, given, files::read)
    }

    /// The key that will replace the present one: the given one, or a new one. If the present key was given
    /// (`present_is_given`), no files are used, and so the next one must be given too: otherwise the result is `None`.
    pub fn next(
        data: &Path,
        given: Option<&str>,
        present_is_given: bool,
    ) -> Result<Option<NextMasterKey>, KeyError> {
        let origin = "DAYBOOK_NEW_MASTER_KEY";
        let given = given
            .map(|text| parse_given(text, origin)?.drawn_at_random(|| origin.to_owned()))
            .transpose()?;
        if present_is_given {
            return Ok(given.map(|key| NextMasterKey { key, files: None }));
        }
        let waiting = folder(data).join("master.key.next");
        let key = MasterKey::in_file(&waiting, |path| {
            files::read_or_create(path, || match &given {
                Some(key) => Ok(encode(key.expose())),
                None => generate(),
            })
        })?;
        // The database may already use the key that waits.
        if given.is_some_and(|given| given.expose() != key.expose()) {
            return Err(KeyError::AnotherMasterKeyWaits { path: waiting });
        }
        Ok(Some(NextMasterKey {
            key,
            files: Some((waiting, file(data))),
        }))
    }

    fn take(
        data: &Path,
        given: Option<&str>,
        read: impl FnOnce(&Path) -> Result<Zeroizing<Vec<u8>>, KeyError>,
    ) -> Result<MasterKey, KeyError> {
        match given {
            Some(text) => parse_given(text, "DAYBOOK_MASTER_KEY"),
            None => MasterKey::in_file(&file(data), read),
        }
    }

    fn in_file(
        path: &Path,
        read: impl FnOnce(&Path) -> Result<Zeroizing<Vec<u8>>, KeyError>,
    ) -> Result<MasterKey, KeyError> {
        let text = read(path)?;
        std::str::from_utf8(&text)
            .ok()
            .and_then(parse)
            .ok_or_else(|| KeyError::MasterKeyMalformed {
                origin: path.display().to_string(),
            })
    }

    fn drawn_at_random(self, origin: impl FnOnce() -> String) -> Result<MasterKey, KeyError> {
        match is_made_up(self.expose()) {
            true => Err(KeyError::MasterKeyWeak { origin: origin() }),
            false => Ok(self),
        }
    }

    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// A secret that only the servers of one database know.
    pub fn shared_secret(&self, database: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose());
        let tag = hmac::sign(
            &key,
            format!("shared by the servers of {database}").as_bytes(),
        );
        let mut secret = [0; 32];
        secret.copy_from_slice(tag.as_ref());
        secret
    }

    /// A password for the demo shop's accounts: the same at every start, another in every shop, so that a demo that is
    /// reachable from outside is not open to everybody who knows the source.
    pub fn demo_password(&self, account: &str) -> SecretString {
        // Leaves out characters that are mistaken for one another.
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

impl NextMasterKey {
    pub fn key(&self) -> &MasterKey {
        &self.key
    }

    /// The database uses this key now: replaces the previous one.
    pub fn take_over(self) -> Result<MasterKey, KeyError> {
        if let Some((waiting, file)) = &self.files {
            files::rename(waiting, file)?;
        }
        Ok(self.key)
    }
}

fn file(data: &Path) -> PathBuf {
    folder(data).join("master.key")
}

fn generate() -> Result<Vec<u8>, KeyError> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(key.as_mut_slice()).map_err(|_| KeyError::NoRandomness)?;
    Ok(encode(&key))
}

fn encode(key: &[u8; 32]) -> Vec<u8> {
    format!("{}\n", BASE64_STANDARD.encode(key)).into_bytes()
}

fn parse_given(text: &str, origin: &str) -> Result<MasterKey, KeyError> {
    parse(text).ok_or_else(|| KeyError::MasterKeyMalformed {
        origin: origin.to_owned(),
    })
}

fn parse(base64: &str) -> Option<MasterKey> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(base64.trim()).ok()?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(MasterKey(SecretBox::new(Box::new(key))))
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use aws_lc_rs::digest::{SHA256, digest};

    use super::*;

    /// Looks random enough.
    fn drawn(n: u8) -> [u8; 32] {
        digest(&SHA256, &[n]).as_ref().try_into().unwrap()
    }

    #[test]
    fn of_processes_that_start_at_once_all_get_one_key() {
        let data = tempfile::tempdir().unwrap();
        let keys: Vec<[u8; 32]> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| *MasterKey::obtain(data.path(), None).unwrap().expose()))
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
        let left: Vec<_> = fs::read_dir(folder(data.path())).unwrap().collect();
        assert_eq!(left.len(), 1, "a draft was left behind");
    }

    #[test]
    fn a_given_key_wins_and_touches_no_file() {
        let data = tempfile::tempdir().unwrap();
        let text = BASE64_STANDARD.encode(drawn(7));
        let key = MasterKey::obtain(data.path(), Some(&text)).unwrap();
        assert_eq!(key.expose(), &drawn(7));
        let text = BASE64_STANDARD.encode(drawn(8));
        let next = MasterKey::next(data.path(), Some(&text), true).unwrap();
        assert_eq!(next.unwrap().take_over().unwrap().expose(), &drawn(8));
        assert!(!folder(data.path()).exists());
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_not_shown() {
        let short = BASE64_STANDARD.encode([7; 16]);
        let error = MasterKey::obtain(Path::new("/nowhere"), Some(&short)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DAYBOOK_MASTER_KEY is not 32 bytes in base64"
        );
        let given = BASE64_STANDARD.encode(drawn(7));
        let taken = MasterKey::obtain(Path::new("/nowhere"), Some(&given));
        assert!(format!("{taken:?}").contains("REDACTED"));
    }

    #[test]
    fn a_key_that_somebody_made_up_is_refused_but_can_be_replaced() {
        let data = tempfile::tempdir().unwrap();
        let made_up = BASE64_STANDARD.encode([7; 32]);
        let refused = MasterKey::obtain(data.path(), Some(&made_up)).unwrap_err();
        assert!(matches!(refused, KeyError::MasterKeyWeak { .. }));
        assert!(!refused.to_string().contains(&made_up));
        assert!(matches!(
            MasterKey::next(data.path(), Some(&made_up), true),
            Err(KeyError::MasterKeyWeak { .. })
        ));
        assert!(MasterKey::existing(data.path(), Some(&made_up)).is_ok());
    }

    #[test]
    fn the_next_key_is_the_same_until_it_takes_over() {
        let data = tempfile::tempdir().unwrap();
        let present = *MasterKey::obtain(data.path(), None).unwrap().expose();
        let next = || MasterKey::next(data.path(), None, false).unwrap().unwrap();
        let key = *next().key().expose();
        assert_eq!(
            next().key().expose(),
            &key,
            "an interrupted rotation goes on"
        );
        assert_eq!(
            MasterKey::obtain(data.path(), None).unwrap().expose(),
            &present
        );
        next().take_over().unwrap();
        assert_eq!(MasterKey::obtain(data.path(), None).unwrap().expose(), &key);
        assert_ne!(next().key().expose(), &key, "the one after that is another");
        let given = BASE64_STANDARD.encode(drawn(9));
        assert!(matches!(
            MasterKey::next(data.path(), Some(&given), false),
            Err(KeyError::AnotherMasterKeyWaits { .. })
        ));
    }

    #[test]
    fn a_demo_password_is_a_shops_own_and_stays() {
        let one = parse(&BASE64_STANDARD.encode(drawn(1))).unwrap();
        let other = parse(&BASE64_STANDARD.encode(drawn(2))).unwrap();
        let of = |key: &MasterKey, account| key.demo_password(account).expose_secret().to_owned();
        assert_eq!(of(&one, "admin"), of(&one, "admin"));
        assert_ne!(of(&one, "admin"), of(&one, "customers"));
        assert_ne!(of(&one, "admin"), of(&other, "admin"));
        assert_eq!(of(&one, "admin").len(), 19);
    }
}
