//! The checkpoints that the sealer has stored in the database.

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use sqlx::{PgConnection, query_as};

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::error::AuditError;
use crate::key::VerifierKey;

/// A checkpoint as it is stored: its signatures have not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    pub size: u64,
    pub note: String,
    pub sealed_at: DateTime<Utc>,
}

impl StoredCheckpoint {
    /// Reads it, if one of the trusted keys has signed it.
    pub fn open(&self, trusted: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        SignedCheckpoint::open(&self.note, trusted)
    }

    /// Reads it without checking its signatures.
    pub fn parse(&self) -> Result<SignedCheckpoint, AuditError> {
        SignedCheckpoint::parse(&self.note).map_err(|source| AuditError::Checkpoint {
            size: self.size,
            source,
        })
    }
}

/// The newest checkpoint; `None` if nothing is sealed yet.
pub async fn latest_checkpoint(
    connection: &mut PgConnection,
) -> Result<Option<StoredCheckpoint>, AuditError> {
    let row: Option<Row> = query_as(
        "select c.size, c.note, c.sealed_at from audit.checkpoints c order by c.size desc limit 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(StoredCheckpoint::from))
}

/// The checkpoint of that size.
pub async fn checkpoint_of_size(
    connection: &mut PgConnection,
    size: u64,
) -> Result<Option<StoredCheckpoint>, AuditError> {
    let row: Option<Row> =
        query_as("select c.size, c.note, c.sealed_at from audit.checkpoints c where c.size = $1")
            .bind(i64::try_from(size).unwrap_or(i64::MAX))
            .fetch_optional(connection)
            .await?;
    Ok(row.map(StoredCheckpoint::from))
}

/// The checkpoints of more than `size` events, the smallest first.
pub async fn checkpoints_after(
    connection: &mut PgConnection,
    size: u64,
    limit: i64,
) -> Result<Vec<StoredCheckpoint>, AuditError> {
    let rows: Vec<Row> = query_as(
        "select c.size, c.note, c.sealed_at from audit.checkpoints c where c.size > $1 order by c.size limit $2",
    )
    .bind(i64::try_from(size).unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(StoredCheckpoint::from).collect())
}

struct Row {
    size: i64,
    note: String,
    sealed_at: DateTime<Utc>,
}

from_row!(Row {
    size,
    note,
    sealed_at
});

impl From<Row> for StoredCheckpoint {
    fn from(row: Row) -> StoredCheckpoint {
        StoredCheckpoint {
            // The table holds none below 1.
            size: row.size.unsigned_abs(),
            note: row.note,
            sealed_at: row.sealed_at,
        }
    }
}
