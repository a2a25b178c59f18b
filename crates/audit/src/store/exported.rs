//! What a log must lead to: the newest of all exported checkpoints that are still in the store.

use futures::{StreamExt, TryStreamExt};

use super::abandon::{KeptNote, size_of};
use super::object::{KEPT, LATEST, Objects};
use super::{AT_ONCE, CheckpointStore, StoreError};
use crate::SignedCheckpoint;

/// A note that was exported: its signatures have not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedNote {
    /// The note's name in the store.
    pub path: String,
    pub text: String,
}

impl CheckpointStore {
    /// Returns `latest`, and also the greatest of the permanent notes if its tree is greater: then somebody has removed
    /// `latest`, or put an older one back. Returns nothing if nothing was exported.
    ///
    /// Costs a request for each day on which something was exported. A permanent note that is stored under another size
    /// than its own is [`StoreError::Malformed`].
    pub async fn exported(&self) -> Result<Vec<ExportedNote>, StoreError> {
        let Some(objects) = self.location.to_read()? else {
            return Ok(Vec::new());
        };
        // Read first: a note that is exported in the meantime may be of a greater tree, and then both are returned.
        let latest = objects.text(LATEST).await?;
        let size = latest.as_ref().map_or(0, |(text, _)| {
            SignedCheckpoint::parse(text).map_or(0, |latest| latest.size())
        });
        let mut exported = Vec::new();
        exported.extend(latest.map(|(text, _)| ExportedNote {
            path: LATEST.to_owned(),
            text,
        }));
        if let Some(kept) = greatest_kept(&objects, size).await? {
            exported.push(read(&objects, kept).await?);
        }
        Ok(exported)
    }
}

/// The permanent note of the greatest tree, if that is greater than `above`.
async fn greatest_kept(objects: &Objects, above: u64) -> Result<Option<KeptNote>, StoreError> {
    let days = objects.folders(KEPT).await?.into_iter();
    let greatest = days.map(|day| async move {
        let listed = objects.list_after(&day, &format!("{above:012}")).await?;
        let kept = listed.into_iter().filter_map(size_of);
        Ok(kept.filter(|kept| kept.size > above).max())
    });
    futures::stream::iter(greatest)
        .buffer_unordered(AT_ONCE)
        .try_fold(
            None,
            |greatest, of_day| async move { Ok(greatest.max(of_day)) },
        )
        .await
}

async fn read(objects: &Objects, kept: KeptNote) -> Result<ExportedNote, StoreError> {
    let malformed = || objects.malformed(&kept.path);
    let (text, _) = objects.text(&kept.path).await?.ok_or_else(malformed)?;
    match SignedCheckpoint::parse(&text) {
        Ok(signed) if signed.size() == kept.size => Ok(ExportedNote {
            path: kept.path,
            text,
        }),
        _ => Err(malformed()),
    }
}
