//! Exporting notes: the newest under one name, which is only ever replaced by one that contains it, and some that stay
//! permanently.

use chrono::NaiveDate;

use super::object::{KEPT, LATEST, Objects, Replaced};
use super::{CheckpointStore, StoreError};
use crate::{Checkpoint, SignedCheckpoint};

/// How often to try to replace `latest` while somebody else replaces it, too.
const ATTEMPTS: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    Written,
    /// The store has one that is as new or newer: another process was faster, or it is the same.
    NotNewer,
    /// The store has this one, of another size. Nothing was written: first show that one tree begins with the other.
    Unproven(Checkpoint),
}

impl CheckpointStore {
    /// Makes a checkpoint the newest, unless a newer one is there. One that is there is replaced only if it is the one
    /// that was `shown` to be of the same history: a database that was set back grows another tree, and what was
    /// exported before is the proof of that.
    ///
    /// If two processes export at the same time the greater tree stays: in a bucket always, in a folder except in the
    /// short moment between the check and the rename.
    pub async fn export(
        &self,
        checkpoint: &SignedCheckpoint,
        shown: Option<&Checkpoint>,
    ) -> Result<Exported, StoreError> {
        let objects = self.location.to_write()?;
        for _ in 0..ATTEMPTS {
            let note = checkpoint.to_string();
            let replaced = match objects.text(LATEST).await? {
                None => objects.put_new(LATEST, note).await?,
                Some((there, version)) => {
                    let latest =
                        SignedCheckpoint::parse(&there).map_err(|_| objects.malformed(LATEST))?;
                    let latest = latest.checkpoint();
                    if latest.size == checkpoint.size() {
                        must_be_same(&objects, latest, checkpoint)?;
                        // With other signatures, as after a rotation of the key.
                        if there == note {
                            return Ok(Exported::NotNewer);
                        }
                    } else if Some(latest) != shown {
                        return Ok(Exported::Unproven(latest.clone()));
                    } else if latest.size > checkpoint.size() {
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

    /// Stores a checkpoint permanently. If one of the same tree exists already, that one stays as it is.
    pub async fn keep(
        &self,
        checkpoint: &SignedCheckpoint,
        on: NaiveDate,
    ) -> Result<(), StoreError> {
        let objects = self.location.to_write()?;
        self.location.sweep();
        let path = format!("{KEPT}/{}/{:012}", on.format("%Y-%m-%d"), checkpoint.size());
        if objects.put_new(&path, checkpoint.to_string()).await? == Replaced::Yes {
            return Ok(());
        }
        let kept = objects.text(&path).await?;
        let kept = kept.and_then(|(text, _)| SignedCheckpoint::parse(&text).ok());
        let kept = kept.ok_or_else(|| objects.malformed(&path))?;
        must_be_same(&objects, kept.checkpoint(), checkpoint)
    }
}

/// A tree of that size is in the store already.
fn must_be_same(
    objects: &Objects,
    stored: &Checkpoint,
    checkpoint: &SignedCheckpoint,
) -> Result<(), StoreError> {
    match stored == checkpoint.checkpoint() {
        true => Ok(()),
        false => Err(objects.forked(checkpoint.size())),
    }
}
