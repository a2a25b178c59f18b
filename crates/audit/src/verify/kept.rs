//! The permanent notes in the store: up to which of them the log still agrees.

use error_reporter::Report;
use sqlx::PgConnection;
use tracing::warn;

use super::roots::Leaves;
use super::{Settings, VerifyError};
use crate::checkpoint::SignedCheckpoint;
use crate::store::{CheckpointStore, KeptNote};

/// The size of the greatest tree in the store that the leaves lead to, among those smaller than `below`; 0 if there is
/// none, or the store cannot be read.
pub(super) async fn agreed(
    connection: &mut PgConnection,
    leaves: &Leaves,
    settings: &Settings,
    below: u64,
) -> Result<u64, VerifyError> {
    let Some(store) = &settings.store else {
        return Ok(0);
    };
    let mut kept = match store.kept().await {
        Ok(kept) => kept,
        Err(error) => {
            warn!(
                error = %Report::new(&error),
                "the kept checkpoints could not be read"
            );
            return Ok(0);
        }
    };
    kept.retain(|note| note.size < below.min(leaves.size + 1));
    let (mut agreed, mut beyond) = (0, kept.len());
    while agreed < beyond {
        let middle = agreed + (beyond - agreed) / 2;
        let led_to = match open(store, &kept[middle], settings).await {
            Some(signed) => leaves.root_at(connection, signed.size()).await? == Some(signed.root()),
            None => false,
        };
        match led_to {
            true => agreed = middle + 1,
            false => beyond = middle,
        }
    }
    Ok(agreed.checked_sub(1).map_or(0, |last| kept[last].size))
}

/// `None` if it is missing, or no trusted key has signed it.
async fn open(
    store: &CheckpointStore,
    note: &KeptNote,
    settings: &Settings,
) -> Option<SignedCheckpoint> {
    let text = store.read_kept(note).await.ok()??;
    let signed = SignedCheckpoint::open(&text, &settings.trusted).ok()?;
    (signed.size() == note.size).then_some(signed)
}
