//! Where checkpoints are exported to: a folder or a bucket, separate from the database about which they are evidence.
//!
//! | object | what |
//! | --- | --- |
//! | `latest` | the newest note; it never goes back to a smaller tree |
//! | `checkpoints/<yyyy-mm-dd>/<size>` | notes that stay; the size has twelve digits |
//! | `erasures/<user id>.json` | who was erased, so that a restored backup forgets them again |
//! | `abandoned/<instant>/…` | notes that a restored backup was accepted against, and who accepted it |
//!
//! We wrote these objects ourselves, but anybody may have changed them since: readers check signatures. An object is
//! written as a whole or not at all. Every call is limited in time; the caller decides whether to repeat it.

mod abandon;
mod export;
mod exported;
pub mod exporter;
mod location;
mod object;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::abandon::{Abandoned, Acceptance, KeptNote};
pub use self::export::Exported;
pub use self::exported::ExportedNote;
use self::location::StoreLocation;
use self::object::{LATEST, Objects};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{location} is neither a folder nor s3://bucket/prefix")]
    Location {
        location: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the store of checkpoints at {location} cannot be used")]
    Unavailable {
        location: String,
        source: object_store::Error,
    },
    #[error("the store of checkpoints at {location} does not answer")]
    Silent { location: String },
    #[error("{path} in the store of checkpoints at {location} is not what belongs there")]
    Malformed { location: String, path: String },
    #[error("the store of checkpoints at {location} has another tree of {size} events")]
    Forked { location: String, size: u64 },
}

impl StoreError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            StoreError::Location { .. } => {
                "mend DAYBOOK_CHECKPOINTS; `daybook --help` says what it may be"
            }
            StoreError::Unavailable { .. } | StoreError::Silent { .. } => {
                "see that it can be reached and written to; to go on without it, set DAYBOOK_CHECKPOINTS to another place"
            }
            StoreError::Malformed { .. } | StoreError::Forked { .. } => {
                "find out who wrote that; `daybook audit verify` tells whether the log is whole"
            }
        }
    }
}

/// Clones share what is beneath.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    location: Arc<StoreLocation>,
}

/// A person who was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    pub user_id: Uuid,
    /// The position of the event that records it.
    pub position: i64,
    pub erased_at: DateTime<Utc>,
}

impl CheckpointStore {
    /// `location` is a folder, which is created when it is first written to, or `s3://bucket/prefix`, whose
    /// credentials, region and endpoint come from the `AWS_…` variables. Sends nothing.
    pub fn open(location: &str) -> Result<CheckpointStore, StoreError> {
        Ok(CheckpointStore {
            location: Arc::new(StoreLocation::of(location)?),
        })
    }

    /// The location as it was given, for messages.
    pub fn location(&self) -> &str {
        self.location.location()
    }

    /// The text of `latest` as it is stored: its signatures have not been checked. What a log must lead to is
    /// [`CheckpointStore::exported`].
    pub async fn latest(&self) -> Result<Option<String>, StoreError> {
        let Some(objects) = self.location.to_read()? else {
            return Ok(None);
        };
        Ok(objects.text(LATEST).await?.map(|(text, _)| text))
    }

    /// Every recorded erasure, in no order.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        let Some(objects) = self.location.to_read()? else {
            return Ok(Vec::new());
        };
        let paths = objects.list("erasures").await?;
        let read = paths.into_iter().map(|path| {
            let objects = objects.clone();
            async move { read_erasure(&objects, &path).await }
        });
        futures::stream::iter(read.map(Ok))
            .try_buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Writing the same again changes nothing.
    pub async fn put_erasure(&self, erasure: &Erasure) -> Result<(), StoreError> {
        let objects = self.location.to_write()?;
        let path = format!("erasures/{}.json", erasure.user_id);
        let text = serde_json::to_string_pretty(erasure).map_err(|_| objects.malformed(&path))?;
        objects.put(&path, text + "\n").await
    }
}

/// How many objects are read or moved at the same time.
const AT_ONCE: usize = 16;

async fn read_erasure(objects: &Objects, path: &str) -> Result<Erasure, StoreError> {
    let malformed = || objects.malformed(path);
    let (text, _) = objects.text(path).await?.ok_or_else(malformed)?;
    serde_json::from_str(&text).map_err(|_| malformed())
}
