//! Small texts by name, with a limit on how long each call takes.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion,
};
use tokio::time::timeout;

use super::StoreError;

pub(super) const LATEST: &str = "latest";
/// The folder of permanent notes.
pub(super) const KEPT: &str = "checkpoints";

/// Longer than a request with its retries; a folder on a disk that has failed may hang for ever.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct Objects {
    location: Arc<str>,
    store: Arc<dyn ObjectStore>,
}

/// Whether an object was still as expected when it was to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    Yes,
    /// Somebody else was faster.
    No,
}

impl Objects {
    pub(super) fn new(location: &str, store: Arc<dyn ObjectStore>) -> Objects {
        Objects {
            location: location.into(),
            store,
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// The text, with what is needed to replace exactly this version.
    pub(super) async fn text(
        &self,
        path: &str,
    ) -> Result<Option<(String, UpdateVersion)>, StoreError> {
        let reading = async {
            let got = self
                .store
                .get_opts(&Path::from(path), GetOptions::new())
                .await?;
            let version = UpdateVersion {
                e_tag: got.meta.e_tag.clone(),
                version: got.meta.version.clone(),
            };
            Ok((got.bytes().await?, version))
        };
        match self.within_time(reading).await? {
            Ok((bytes, version)) => {
                let text = String::from_utf8(bytes.into()).map_err(|_| self.malformed(path))?;
                Ok(Some((text, version)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    pub(super) async fn put(&self, path: &str, text: String) -> Result<(), StoreError> {
        let path = Path::from(path);
        let put = self.store.put(&path, PutPayload::from(text));
        self.within_time(put)
            .await?
            .map_err(|error| self.unavailable(error))?;
        Ok(())
    }

    /// Leaves an existing object as it is.
    pub(super) async fn put_new(&self, path: &str, text: String) -> Result<Replaced, StoreError> {
        self.put_if(path, text, PutMode::Create).await
    }

    /// A folder cannot compare versions, so there the last writer wins.
    pub(super) async fn replace(
        &self,
        path: &str,
        text: String,
        version: UpdateVersion,
    ) -> Result<Replaced, StoreError> {
        self.put_if(path, text, PutMode::Update(version)).await
    }

    async fn put_if(
        &self,
        path: &str,
        text: String,
        mode: PutMode,
    ) -> Result<Replaced, StoreError> {
        let at = Path::from(path);
        let put = self
            .store
            .put_opts(&at, PutPayload::from(text.clone()), mode.into());
        match self.within_time(put).await? {
            Ok(_) => Ok(Replaced::Yes),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Replaced::No),
            Err(Error::NotImplemented { .. }) => self.put(path, text).await.map(|()| Replaced::Yes),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let folder = Path::from(folder);
        let listing = self
            .store
            .list(Some(&folder))
            .map_ok(|object| object.location.to_string())
            .try_collect();
        self.within_time(listing)
            .await?
            .map_err(|error| self.unavailable(error))
    }

    /// The objects in a folder whose names are greater than this one.
    pub(super) async fn list_after(
        &self,
        folder: &str,
        name: &str,
    ) -> Result<Vec<String>, StoreError> {
        let (folder, after) = (Path::from(folder), Path::from(format!("{folder}/{name}")));
        let listing = self
            .store
            .list_with_offset(Some(&folder), &after)
            .map_ok(|object| object.location.to_string())
            .try_collect();
        self.within_time(listing)
            .await?
            .map_err(|error| self.unavailable(error))
    }

    /// The folders directly below one.
    pub(super) async fn folders(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let folder = Path::from(folder);
        let listing = self.store.list_with_delimiter(Some(&folder));
        let listed = self
            .within_time(listing)
            .await?
            .map_err(|error| self.unavailable(error))?;
        let names = listed.common_prefixes.iter().map(Path::to_string);
        Ok(names.collect())
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        let path = Path::from(path);
        match self.within_time(self.store.delete(&path)).await? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    pub(super) fn malformed(&self, path: &str) -> StoreError {
        StoreError::Malformed {
            location: self.location.to_string(),
            path: path.to_owned(),
        }
    }

    pub(super) fn forked(&self, size: u64) -> StoreError {
        StoreError::Forked {
            location: self.location.to_string(),
            size,
        }
    }

    fn unavailable(&self, source: Error) -> StoreError {
        StoreError::Unavailable {
            location: self.location.to_string(),
            source,
        }
    }

    async fn within_time<T>(&self, call: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout(PATIENCE, call)
            .await
            .map_err(|_| StoreError::Silent {
                location: self.location.to_string(),
            })
    }
}
