//! A log that is older than its exported checkpoints must not be continued: the events that it lacks were acknowledged,
//! and new events in their place would be another history under the same positions.

use daybook_audit::store::ExportedNote;
use daybook_audit::{
    Agreement, CheckpointStore, SignedCheckpoint, VerifierKey, agreement, latest_checkpoint,
};
use daybook_keys as keys;
use sqlx::PgConnection;
use tracing::warn;

use super::database::Database;
use crate::config::DataConfig;
use crate::failure::Failure;

/// Refuses a log that does not agree with the newest exported checkpoint.
pub(crate) async fn refuse(
    database: &Database,
    data: &DataConfig,
    store: &CheckpointStore,
) -> Result<(), Failure> {
    let exported = store.exported().await?;
    let trusted = keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?;
    let pool = database.worker_pool(1);
    let mut connection = pool.acquire().await.map_err(Failure::database(
        "comparing the log with what was exported",
    ))?;
    let compared = async {
        if exported.is_empty() && latest_checkpoint(&mut connection).await?.is_some() {
            warn!(
                location = store.location(),
                "the log is sealed, but the store of checkpoints has none: nobody can tell whether the log was set back"
            );
        }
        for note in &exported {
            compare(&mut connection, note, &trusted, store.location()).await?;
        }
        Ok(())
    };
    let compared = compared.await;
    drop(connection);
    pool.close().await;
    compared
}

async fn compare(
    connection: &mut PgConnection,
    note: &ExportedNote,
    trusted: &[VerifierKey],
    location: &str,
) -> Result<(), Failure> {
    let location = || location.to_owned();
    let exported = read(&note.text, trusted).map_err(|source| Failure::ExportUntrusted {
        location: location(),
        source,
    })?;
    let size = exported.size();
    match agreement(connection, exported.checkpoint()).await? {
        Agreement::Continues => Ok(()),
        Agreement::Shorter { head } => Err(Failure::LogOlder {
            location: location(),
            head,
            size,
        }),
        Agreement::Differs => Err(Failure::LogDiffers {
            location: location(),
            size,
        }),
    }
}

/// A process without a public key (one that does not seal, on a machine of its own) still compares.
pub(crate) fn read(
    note: &str,
    trusted: &[VerifierKey],
) -> Result<SignedCheckpoint, daybook_audit::CheckpointError> {
    if trusted.is_empty() {
        warn!(
            "the signature of the last exported checkpoint is not checked: there is no keys/checkpoint.pub"
        );
        return SignedCheckpoint::parse(note);
    }
    SignedCheckpoint::open(note, trusted)
}
