//! A log that is older than its exported checkpoints must not be continued: the events that it lacks were acknowledged,
//! and new events in their place would be another history under the same positions.

use std::time::Duration;

use daybook_audit::store::ExportedNote;
use daybook_audit::{
    Agreement, CheckpointError, CheckpointStore, SignedCheckpoint, VerifierKey, agreement,
    latest_checkpoint,
};
use daybook_keys as keys;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;
use tracing::warn;

use super::database::Database;
use crate::config::DataConfig;
use crate::failure::Failure;

/// How long a connection may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the log is not continued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoredError {
    #[error(
        "the log is older than what was exported of it: it has {head} events, and the last checkpoint at {location} covers {size}"
    )]
    Older {
        location: String,
        head: u64,
        size: u64,
    },
    #[error(
        "the log is not the one that was exported: its first {size} events are not those that the last checkpoint at {location} covers"
    )]
    Differs { location: String, size: u64 },
    #[error("the last checkpoint at {location} is not to be trusted")]
    Untrusted {
        location: String,
        source: CheckpointError,
    },
}

impl RestoredError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            RestoredError::Older { .. } => {
                "restore a newer backup; or give up what is lost with `daybook audit accept-restored --reason TEXT`"
            }
            RestoredError::Differs { .. } => {
                "`daybook audit verify` tells where; if a backup was restored and went on, `daybook audit accept-restored --reason TEXT` accepts it"
            }
            RestoredError::Untrusted { .. } => {
                "put back keys/checkpoint.pub of this log, or point DAYBOOK_CHECKPOINTS to where this log's checkpoints are"
            }
        }
    }
}

/// Refuses a log that does not lead to the newest of what was exported.
pub(crate) async fn refuse(
    database: &Database,
    data: &DataConfig,
    store: &CheckpointStore,
) -> Result<(), Failure> {
    let exported = store.exported().await?;
    let trusted = keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?;
    // Not one of the pools': those let nobody in before this has agreed.
    let failed = || Failure::database("comparing the log with what was exported");
    let connecting = timeout(PATIENCE, PgConnection::connect_with(&database.server)).await;
    let connecting = connecting.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = connecting.map_err(failed())?;
    // Hashing a long log takes longer than a role may be allowed to.
    let unlimited = connection.execute("set statement_timeout = 0").await;
    unlimited.map_err(failed())?;
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
    // What was compared counts, however the session ends.
    let _ = connection.close().await;
    compared
}

async fn compare(
    connection: &mut PgConnection,
    note: &ExportedNote,
    trusted: &[VerifierKey],
    location: &str,
) -> Result<(), Failure> {
    let location = || location.to_owned();
    let exported = read(&note.text, trusted).map_err(|source| RestoredError::Untrusted {
        location: location(),
        source,
    })?;
    let size = exported.size();
    let refused = match agreement(connection, exported.checkpoint()).await? {
        Agreement::Continues => return Ok(()),
        Agreement::Shorter { head } => RestoredError::Older {
            location: location(),
            head,
            size,
        },
        Agreement::Differs => RestoredError::Differs {
            location: location(),
            size,
        },
    };
    Err(refused.into())
}

/// A process without a public key (one that does not seal, on a machine of its own) still compares.
pub(crate) fn read(
    note: &str,
    trusted: &[VerifierKey],
) -> Result<SignedCheckpoint, CheckpointError> {
    if trusted.is_empty() {
        warn!(
            "the signature of the last exported checkpoint is not checked: there is no keys/checkpoint.pub"
        );
        return SignedCheckpoint::parse(note);
    }
    SignedCheckpoint::open(note, trusted)
}
