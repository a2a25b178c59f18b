//! Exporting notes: the newest under one name that never goes back, and some that stay permanently.

use chrono::NaiveDate;

use super::object::{KEPT, LATEST, Objects, Replaced};
use super::{CheckpointStore, StoreError};
use crate::SignedCheckpoint;

/// How often to try to replace `latest` while somebody else replaces it, too.
const ATTEMPTS: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    Written,
    /// The store has one that is as new or newer: another process was faster, or it is the same.
    NotNewer,
}

impl CheckpointStore {
    /// Makes a checkpoint the newest, unless a newer one is there. If two processes export at the same time the greater
    /// tree stays: in a bucket always, in a folder except in the short moment between the check and the rename.
    pub async fn export(&self, checkpoint: &SignedCheckpoint) -> Result<Exported, StoreError> {
        let objects = self.location.to_write()?;
        for _ in 0..ATTEMPTS {
            let note = checkpoint.to_string();
            let replaced = match objects.text(LATEST).await? {
                None => objects.put_new(LATEST, note).await?,
                Some((there, version)) => {
                    if is_as_new(&objects, &there, checkpoint)? {
                        return Ok(Exported::NotNewer);
                    }
                    objects.replace(LATEST, note, version).await?
                }
            };
            if replaced == Replaced::Yes {
                return Ok(Exported::Written);
            }
        }
        Ok(Exported::NotNewer)
    }

    /// Stores a checkpoint permanently. If one of the same size exists already, that one stays as it is.
    pub async fn keep(
        &self,
        checkpoint: &SignedCheckpoint,
        on: NaiveDate,
    ) -> Result<(), StoreError> {
        let objects = self.location.to_write()?;
        self.location.sweep();
        let path = format!("{KEPT}/{}/{:012}", on.format("%Y-%m-%d"), checkpoint.size());
        objects.put_new(&path, checkpoint.to_string()).await?;
        Ok(())
    }
}

/// The same tree may come again with other signatures, as it does when the key is rotated.
fn is_as_new(
    objects: &Objects,
    there: &str,
    checkpoint: &SignedCheckpoint,
) -> Result<bool, StoreError> {
    let latest = SignedCheckpoint::parse(there).map_err(|_| objects.malformed(LATEST))?;
    if latest.size() != checkpoint.size() {
        return Ok(latest.size() > checkpoint.size());
    }
    match latest.checkpoint() == checkpoint.checkpoint() {
        true => Ok(there == checkpoint.to_string()),
        false => Err(objects.forked(checkpoint.size())),
    }
}
