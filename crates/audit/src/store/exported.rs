//! What a log has to lead to: the newest of all that was exported, whichever of it is still there.

use futures::{StreamExt, TryStreamExt};

use super::abandon::{KeptNote, size_of};
use super::object::{KEPT, LATEST, Objects};
use super::{AT_ONCE, CheckpointStore, StoreError};
use crate::SignedCheckpoint;

/// A note that was exported: nobody has checked its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedNote {
    /// Its name in the store.
    pub path: String,
    pub text: String,
}

impl CheckpointStore {
    /// `latest`, and the greatest of the notes that stay where that is of a greater tree: somebody has removed
    /// `latest`, or put an older one back. Nothing where nothing was exported.
    ///
    /// Costs a request for each day on which something was exported. A note that stays under another size than its own
    /// is [`StoreError::Malformed`].
    pub async fn exported(&self) -> Result<Vec<ExportedNote>, StoreError> {
        let Some(objects) = self.place.to_read()? else {
            return Ok(Vec::new());
        };
        // First: what is exported in the meantime may be of a greater tree, and is another note then.
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

/// Of the notes that stay, the one of the greatest tree, if that is greater than `above`.
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
