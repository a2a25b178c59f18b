//! The keys that sign access tokens: a folder of files, each named by the instant from which it signs
//! (`20261127T053000Z.der`). A rotation puts a file there whose instant is a little ahead. Servers read the folder
//! every few seconds, so all of them trust a key before one of them signs with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use daybook_identity::access_token::{Key, KeyRing, TokenKeys};
use error_reporter::Report;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{KeyError, files, folder};

const NAMES: &str = "%Y%m%dT%H%M%SZ";
/// Data folders from before rotations existed have a single key here. It signs from the beginning.
const FIRST: &str = "jwt-ed25519.der";

/// Time from a rotation until the new key signs: long enough for every server to have read the folder.
const AHEAD: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The result of a rotation.
#[derive(Debug)]
pub enum Rotation {
    Made {
        kid: String,
        signs_from: DateTime<Utc>,
        /// How many files were removed.
        removed: usize,
    },
    /// An earlier rotation is not finished: its key does not sign before that instant.
    UnderWay {
        kid: String,
        signs_from: DateTime<Utc>,
    },
}

/// The keys in the data folder. Creates one if there is none.
pub fn token_keys(data: &Path) -> Result<TokenKeys, KeyError> {
    let folder = KeyFolder::lock(data)?;
    let mut keys = read(data)?;
    if keys.is_empty() {
        folder.add(Utc::now().trunc_subsecs(0))?;
        keys = read(data)?;
    }
    ring(data, keys).map(TokenKeys::new)
}

/// The existing keys; creates none.
pub fn known_token_keys(data: &Path) -> Result<Option<KeyRing>, KeyError> {
    let keys = read(data)?;
    match keys.is_empty() {
        true => Ok(None),
        false => ring(data, keys).map(Some),
    }
}

/// Creates a key that will sign soon, and removes those that no valid token can be signed with any more. With `at_once`
/// it signs from now on, and all others are removed.
pub fn rotate_token_key(
    data: &Path,
    now: DateTime<Utc>,
    at_once: bool,
) -> Result<Rotation, KeyError> {
    let folder = KeyFolder::lock(data)?;
    let known = read(data)?;
    if let (false, Some(coming)) = (at_once, known.iter().find(|file| file.signs_from > now)) {
        return Ok(Rotation::UnderWay {
            kid: coming.key.id().to_string(),
            signs_from: coming.signs_from,
        });
    }
    let outlived = removable(known, now, at_once);
    let lead = if at_once { Duration::ZERO } else { AHEAD };
    let (kid, signs_from) = folder.add((now + lead).trunc_subsecs(0))?;
    let added = folder.path_of(signs_from);
    for path in outlived.iter().filter(|path| **path != added) {
        files::remove(path)?;
    }
    Ok(Rotation::Made {
        kid,
        signs_from,
        removed: outlived.len(),
    })
}

/// The files of keys that are no longer trusted, or of all keys.
fn removable(known: Vec<KeyFile>, now: DateTime<Utc>, all: bool) -> Vec<PathBuf> {
    let (paths, keys): (Vec<_>, Vec<_>) = known
        .into_iter()
        .map(|file| (file.path, (file.signs_from, file.key)))
        .unzip();
    let ring = KeyRing::new(keys).ok();
    let keys = ring.iter().flat_map(KeyRing::keys);
    let outlived = paths
        .into_iter()
        .zip(keys)
        .filter(|(_, key)| all || !key.is_trusted(now));
    outlived.map(|(path, _)| path).collect()
}

/// Keeps `keys` equal to the keys in the data folder, until `stop`. A folder that cannot be read changes nothing.
pub async fn follow_token_keys(data: PathBuf, keys: TokenKeys, stop: CancellationToken) {
    let mut has_failed = false;
    while stop.run_until_cancelled(sleep(LOOK_EVERY)).await.is_some() {
        let folder = data.clone();
        let failure = match spawn_blocking(move || known_token_keys(&folder)).await {
            Ok(Ok(Some(ring))) => {
                if keys.replace(ring) {
                    info!("the keys of access tokens have changed");
                }
                None
            }
            Ok(Ok(None)) => Some("there are none".to_owned()),
            Ok(Err(error)) => Some(Report::new(&error).to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = failure.as_ref().filter(|_| !has_failed) {
            warn!(
                error,
                "the keys of access tokens cannot be read; those that were known go on"
            );
        }
        has_failed = failure.is_some();
    }
}

struct KeyFile {
    path: PathBuf,
    signs_from: DateTime<Utc>,
    key: Key,
}

/// The existing keys, in the order in which they sign.
fn read(data: &Path) -> Result<Vec<KeyFile>, KeyError> {
    let mut keys = Vec::new();
    for path in files::in_folder(&token_folder(data), "der")? {
        let signs_from = instant_in(&path)?;
        keys.extend(read_one(path, signs_from)?);
    }
    keys.extend(read_one(folder(data).join(FIRST), DateTime::UNIX_EPOCH)?);
    keys.sort_by_key(|file| file.signs_from);
    Ok(keys)
}

/// `None` if the file is gone: a rotation may remove it at any moment.
fn read_one(path: PathBuf, signs_from: DateTime<Utc>) -> Result<Option<KeyFile>, KeyError> {
    let Some(pkcs8) = files::read_if_there(&path)? else {
        return Ok(None);
    };
    match Key::from_pkcs8(&pkcs8) {
        Ok(key) => Ok(Some(KeyFile {
            path,
            signs_from,
            key,
        })),
        Err(_) => Err(KeyError::TokenKeyMalformed { path }),
    }
}

fn instant_in(path: &Path) -> Result<DateTime<Utc>, KeyError> {
    let name = path.file_stem().and_then(|name| name.to_str());
    name.and_then(|name| NaiveDateTime::parse_from_str(name, NAMES).ok())
        .map(|instant| instant.and_utc())
        .ok_or_else(|| KeyError::TokenKeyMisnamed {
            path: path.to_owned(),
        })
}

fn ring(data: &Path, keys: Vec<KeyFile>) -> Result<KeyRing, KeyError> {
    let keys = keys.into_iter().map(|file| (file.signs_from, file.key));
    KeyRing::new(keys).map_err(|_| KeyError::TokenKeyMalformed {
        path: token_folder(data),
    })
}

fn token_folder(data: &Path) -> PathBuf {
    folder(data).join("access-tokens")
}

/// The folder, locked so that nobody else changes it meanwhile.
struct KeyFolder {
    path: PathBuf,
    _lock: File,
}

impl KeyFolder {
    fn lock(data: &Path) -> Result<KeyFolder, KeyError> {
        Ok(KeyFolder {
            _lock: files::lock(&folder(data))?,
            path: token_folder(data),
        })
    }

    fn path_of(&self, signs_from: DateTime<Utc>) -> PathBuf {
        self.path.join(format!("{}.der", signs_from.format(NAMES)))
    }

    fn add(&self, signs_from: DateTime<Utc>) -> Result<(String, DateTime<Utc>), KeyError> {
        let pkcs8 = TokenKeys::generate().map_err(|_| KeyError::NoRandomness)?;
        let path = self.path_of(signs_from);
        files::replace(&path, &pkcs8)?;
        let key = Key::from_pkcs8(&pkcs8).map_err(|_| KeyError::TokenKeyMalformed { path })?;
        Ok((key.id().to_string(), signs_from))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use daybook_identity::access_token::RingKey;

    use super::*;

    fn ids(data: &Path) -> Vec<String> {
        let ring = known_token_keys(data).unwrap();
        let keys = ring.iter().flat_map(KeyRing::keys);
        keys.map(|key: &RingKey| key.key.id().to_string()).collect()
    }

    fn made(rotation: Rotation) -> (String, DateTime<Utc>, usize) {
        match rotation {
            Rotation::Made {
                kid,
                signs_from,
                removed,
            } => (kid, signs_from, removed),
            Rotation::UnderWay { .. } => panic!("{rotation:?}"),
        }
    }

    #[test]
    fn a_key_is_made_once_and_then_found_again() {
        let data = tempfile::tempdir().unwrap();
        assert!(known_token_keys(data.path()).unwrap().is_none());
        assert!(
            !folder(data.path()).exists(),
            "looking makes no key and no folder"
        );
        token_keys(data.path()).unwrap();
        let first = ids(data.path());
        token_keys(data.path()).unwrap();
        assert_eq!((first.len(), ids(data.path())), (1, first));
    }

    #[test]
    fn the_single_key_of_before_is_the_first_and_is_removed_in_its_turn() {
        let data = tempfile::tempdir().unwrap();
        let file = folder(data.path()).join(FIRST);
        files::replace(&file, &TokenKeys::generate().unwrap()).unwrap();
        token_keys(data.path()).unwrap();
        let single = ids(data.path());
        assert_eq!(single.len(), 1);

        let now = Utc::now();
        let (second, signs_from, removed) =
            made(rotate_token_key(data.path(), now, false).unwrap());
        assert_eq!(removed, 0);
        assert_eq!((signs_from - now).num_minutes().max(1), 1, "a minute ahead");
        assert_eq!(ids(data.path()), [single[0].clone(), second.clone()]);

        let later = signs_from + Duration::from_secs(2 * 60 * 60);
        let (third, _, removed) = made(rotate_token_key(data.path(), later, false).unwrap());
        assert_eq!((removed, file.exists()), (1, false));
        assert_eq!(ids(data.path()), [second, third]);
    }

    #[test]
    fn a_rotation_is_not_begun_before_the_last_one_is_over() {
        let data = tempfile::tempdir().unwrap();
        token_keys(data.path()).unwrap();
        let now = Utc::now();
        let (coming, ..) = made(rotate_token_key(data.path(), now, false).unwrap());
        match rotate_token_key(data.path(), now, false).unwrap() {
            Rotation::UnderWay { kid, .. } => assert_eq!(kid, coming),
            other => panic!("{other:?}"),
        }
        assert_eq!(ids(data.path()).len(), 2);
    }

    #[test]
    fn a_leaked_key_is_replaced_at_once() {
        let data = tempfile::tempdir().unwrap();
        token_keys(data.path()).unwrap();
        let now = Utc::now() + Duration::from_secs(1);
        rotate_token_key(data.path(), now, false).unwrap();
        let (only, signs_from, removed) = made(rotate_token_key(data.path(), now, true).unwrap());
        assert_eq!((ids(data.path()), removed), (vec![only], 2));
        assert!(signs_from <= now);
    }

    #[test]
    fn what_is_no_key_or_has_no_instant_for_a_name_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            files::replace(&token_folder(data.path()).join(name), content).unwrap();
        };
        put("README", b"not looked at");
        assert!(known_token_keys(data.path()).unwrap().is_none());
        put("new.der", &TokenKeys::generate().unwrap());
        let misnamed = known_token_keys(data.path());
        assert!(matches!(misnamed, Err(KeyError::TokenKeyMisnamed { .. })));
        fs::remove_file(token_folder(data.path()).join("new.der")).unwrap();
        put("20261127T053000Z.der", b"no key");
        let malformed = token_keys(data.path()).err();
        assert!(matches!(
            malformed,
            Some(KeyError::TokenKeyMalformed { .. })
        ));
    }
}
