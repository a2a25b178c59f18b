//! Continuing from a backup that is older than what was exported: the notes of the lost events are put aside together
//! with who decided it, and none of them is destroyed.

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::object::{KEPT, LATEST, Objects};
use super::{AT_ONCE, CheckpointStore, StoreError};
use crate::SignedCheckpoint;

/// Who accepted that the log continues from an older state, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    pub accepted_at: DateTime<Utc>,
    pub accepted_by: String,
    pub reason: String,
    /// The greatest exported tree that the restored log still leads to.
    pub agreed_size: u64,
    /// The greatest tree that was exported, if its note could be read.
    pub abandoned_size: Option<u64>,
}

/// What was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    pub notes: usize,
    pub folder: String,
}

/// A note that stays in the store permanently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeptNote {
    pub size: u64,
    pub(super) path: String,
}

/// The note at a path where permanent notes are kept, judged by the path alone.
pub(super) fn size_of(path: String) -> Option<KeptNote> {
    let size = path.rsplit('/').next()?.parse().ok()?;
    Some(KeptNote { size, path })
}

impl CheckpointStore {
    /// The notes that stay permanently, the smallest tree first.
    pub async fn kept(&self) -> Result<Vec<KeptNote>, StoreError> {
        let Some(objects) = self.location.to_read()? else {
            return Ok(Vec::new());
        };
        let mut kept = Vec::new();
        for day in objects.folders(KEPT).await? {
            for path in objects.list(&day).await? {
                // Skips objects that others put there.
                kept.extend(size_of(path));
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// The note's text; its signatures have not been checked.
    pub async fn read_kept(&self, note: &KeptNote) -> Result<Option<String>, StoreError> {
        let Some(objects) = self.location.to_read()? else {
            return Ok(None);
        };
        Ok(objects.text(&note.path).await?.map(|(text, _)| text))
    }

    /// Puts aside `latest` and every note of a tree greater than the one agreed on, and makes `newest` the newest.
    /// `latest` changes last: if this is interrupted before, the store still shows that events were lost, and this can
    /// be done again.
    pub async fn abandon(
        &self,
        acceptance: &Acceptance,
        newest: Option<&SignedCheckpoint>,
    ) -> Result<Abandoned, StoreError> {
        let objects = self.location.to_write()?;
        let at = acceptance.accepted_at.format("%Y-%m-%dT%H-%M-%S%.3fZ");
        let folder = format!("abandoned/{at}");
        let path = format!("{folder}/acceptance.json");
        let text =
            serde_json::to_string_pretty(acceptance).map_err(|_| objects.malformed(&path))?;
        objects.put(&path, text + "\n").await?;
        if let Some((latest, _)) = objects.text(LATEST).await? {
            objects.put(&format!("{folder}/{LATEST}"), latest).await?;
        }
        let mut aside = self.kept().await?;
        aside.retain(|kept| kept.size > acceptance.agreed_size);
        futures::stream::iter(&aside)
            .map(|kept| put_aside(&objects, kept, &folder))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        match newest {
            Some(newest) => objects.put(LATEST, newest.to_string()).await?,
            None => objects.delete(LATEST).await?,
        }
        Ok(Abandoned {
            notes: aside.len(),
            folder,
        })
    }
}

async fn put_aside(objects: &Objects, kept: &KeptNote, folder: &str) -> Result<(), StoreError> {
    if let Some((text, _)) = objects.text(&kept.path).await? {
        objects
            .put(&format!("{folder}/{}", kept.path), text)
            .await?;
    }
    objects.delete(&kept.path).await
}
