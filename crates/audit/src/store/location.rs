//! A folder or a bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::StoreError;
use super::object::{LATEST, Objects};

/// The limit for one request to a bucket.
const REQUEST_TIMEOUT: &str = "10 seconds";
const CONNECT_TIMEOUT: &str = "5 seconds";
/// Longer than any call that may still be working on it.
const DRAFT_IS_LEFT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) enum StoreLocation {
    /// The folder is looked up anew each time: it may be mounted, or created, later.
    Folder {
        location: String,
        path: PathBuf,
    },
    Bucket(Objects),
}

impl StoreLocation {
    pub(super) fn of(location: &str) -> Result<StoreLocation, StoreError> {
        let refused = |source| StoreError::Location {
            location: location.to_owned(),
            source,
        };
        if !location.contains("://") {
            return Ok(StoreLocation::Folder {
                location: location.to_owned(),
                path: PathBuf::from(location),
            });
        }
        let url = Url::parse(location).map_err(|error| refused(error.into()))?;
        let (scheme, prefix) =
            ObjectStoreScheme::parse(&url).map_err(|error| refused(error.into()))?;
        match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let bucket = bucket(location).map_err(|error| refused(error.into()))?;
                let bucket = Arc::new(PrefixStore::new(bucket, prefix));
                Ok(StoreLocation::Bucket(Objects::new(location, bucket)))
            }
            _ => Err(refused("only s3:// is known".into())),
        }
    }

    pub(super) fn location(&self) -> &str {
        match self {
            StoreLocation::Folder { location, .. } => location,
            StoreLocation::Bucket(objects) => objects.location(),
        }
    }

    /// `None` if nothing was ever written.
    pub(super) fn to_read(&self) -> Result<Option<Objects>, StoreError> {
        match self {
            StoreLocation::Folder { path, .. } if !path.exists() => Ok(None),
            StoreLocation::Folder { location, path } => folder(location, path).map(Some),
            StoreLocation::Bucket(objects) => Ok(Some(objects.clone())),
        }
    }

    pub(super) fn to_write(&self) -> Result<Objects, StoreError> {
        match self {
            StoreLocation::Folder { location, path } => {
                fs::create_dir_all(path).map_err(|source| StoreError::Unavailable {
                    location: location.clone(),
                    source: object_store::Error::Generic {
                        store: "LocalFileSystem",
                        source: source.into(),
                    },
                })?;
                folder(location, path)
            }
            StoreLocation::Bucket(objects) => Ok(objects.clone()),
        }
    }

    /// Removes temporary files beside `latest` that were left by processes killed while they wrote it.
    pub(super) fn sweep(&self) {
        let StoreLocation::Folder { path, .. } = self else {
            return;
        };
        let Ok(entries) = fs::read_dir(path) else {
            return;
        };
        for entry in entries.flatten().filter(is_left_draft) {
            // Another process that cleans up may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file is written under its name with `#` and a number, then renamed: an old one will never be
/// renamed.
fn is_left_draft(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let draft = name.to_str().and_then(|name| name.strip_prefix(LATEST));
    let written = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
    draft.is_some_and(|number| number.starts_with('#'))
        && written().is_some_and(|age| age > DRAFT_IS_LEFT)
}

fn folder(location: &str, path: &Path) -> Result<Objects, StoreError> {
    let folder =
        LocalFileSystem::new_with_prefix(path).map_err(|source| StoreError::Unavailable {
            location: location.to_owned(),
            source,
        })?;
    Ok(Objects::new(location, Arc::new(folder.with_fsync(true))))
}

fn bucket(url: &str) -> Result<impl ObjectStore, object_store::Error> {
    let retry = RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    let client = |key, value| (AmazonS3ConfigKey::Client(key), value);
    let timeouts = [
        client(ClientConfigKey::Timeout, REQUEST_TIMEOUT),
        client(ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT),
    ];
    timeouts
        .into_iter()
        .fold(AmazonS3Builder::from_env(), |builder, (key, value)| {
            builder.with_config(key, value)
        })
        .with_url(url)
        .with_retry(retry)
        .build()
}
