//! One batch: rows, checkpoint and notification in one transaction.

use std::{collections::BTreeSet, time::Duration};

use daybook_database::{Lease, LeaseError, begin};
use daybook_log::{Position, RecordedEvent};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use super::{
    checkpoint::{Checkpoint, configure_transaction},
    operation::announce_operation,
};
use crate::{
    operate::note_passed_over,
    projection::{ApplyError, Projection, Target, apply},
};

/// The channel where every committed batch is announced, as a JSON object.
pub const PROJECTION_CHANNEL: &str = "daybook_projection";

/// If more keys than this were touched they are not listed: a notification holds 8,000 bytes.
const KEYS_TOLD: usize = 100;

/// The text of a notification.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notification {
    pub(crate) name: String,
    pub(crate) position: Position,
    /// The ids of what changed, `None` when there are too many.
    pub(crate) keys: Option<Vec<String>>,
    /// Whether all rows were exchanged for others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) switched: bool,
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(
        "position {found} follows {expected_after} in the feed, positions in between are missing"
    )]
    Gap {
        expected_after: Position,
        found: Position,
    },
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the checkpoint is no longer at {0}")]
    CheckpointMoved(Position),
    #[error("the database did not commit a batch")]
    Database(#[from] sqlx::Error),
}

/// Applies `events`, which follow `checkpoint` in the log, and returns the checkpoint's new position.
///
/// An error leaves everything as it was, with one exception: when the connection breaks during the
/// commit itself, the outcome is unknown and the checkpoint has to be loaded again.
pub async fn commit_batch(
    pool: &PgPool,
    projection: &dyn Projection,
    lease: &Lease,
    checkpoint: &Checkpoint,
    events: &[RecordedEvent],
    statement_timeout: Duration,
) -> Result<Position, BatchError> {
    let last = dense_end(checkpoint.position, events)?;
    if last == checkpoint.position {
        return Ok(last);
    }
    let mut transaction = begin(pool).await?;
    configure_transaction(&mut transaction, lease.ttl(), statement_timeout).await?;
    let target = Target::live(checkpoint.schema.clone());
    apply(
        projection,
        &mut transaction,
        &target,
        events,
        &checkpoint.skipped,
    )
    .await?;
    let passed_over = checkpoint.skipped.passed_over(projection, events);
    note_passed_over(&mut transaction, checkpoint.name, &passed_over).await?;
    // Last, so that the row is locked as briefly as possible: a takeover waits for it.
    lease.check(&mut transaction).await?;
    if !checkpoint.advance(&mut transaction, last).await? {
        return Err(BatchError::CheckpointMoved(checkpoint.position));
    }
    notify(&mut transaction, projection, events, last).await?;
    transaction.commit().await?;
    Ok(last)
}

/// Moves the checkpoint past the next event, which has no effect on this read model: either it does not
/// concern the read model, or it or its stream was skipped.
pub(super) async fn commit_skip(
    pool: &PgPool,
    projection: &dyn Projection,
    lease: &Lease,
    checkpoint: &Checkpoint,
    concerned: bool,
    statement_timeout: Duration,
) -> Result<Position, BatchError> {
    let next = checkpoint.position + 1;
    let mut transaction = begin(pool).await?;
    configure_transaction(&mut transaction, lease.ttl(), statement_timeout).await?;
    if concerned {
        note_passed_over(&mut transaction, checkpoint.name, &[next]).await?;
    }
    lease.check(&mut transaction).await?;
    if !checkpoint.advance(&mut transaction, next).await? {
        return Err(BatchError::CheckpointMoved(checkpoint.position));
    }
    notify(&mut transaction, projection, &[], next).await?;
    transaction.commit().await?;
    Ok(next)
}

/// The last position, if the events follow each other without a gap.
fn dense_end(after: Position, events: &[RecordedEvent]) -> Result<Position, BatchError> {
    let mut last = after;
    for event in events {
        if event.position != last + 1 {
            return Err(BatchError::Gap {
                expected_after: last,
                found: event.position,
            });
        }
        last = event.position;
    }
    Ok(last)
}

async fn notify(
    conn: &mut PgConnection,
    projection: &dyn Projection,
    events: &[RecordedEvent],
    position: Position,
) -> Result<(), sqlx::Error> {
    let touched: BTreeSet<_> = events
        .iter()
        .filter_map(|event| projection.key(event))
        .collect();
    let keys =
        (touched.len() <= KEYS_TOLD).then(|| touched.iter().map(ToString::to_string).collect());
    let notification = Notification {
        name: projection.name().to_owned(),
        position,
        keys,
        switched: false,
    };
    announce(conn, &notification).await
}

/// Announces to everybody that a read model's rows were exchanged for others, within the transaction that
/// exchanges them.
pub(crate) async fn announce_switch(
    conn: &mut PgConnection,
    name: &str,
    position: Position,
) -> Result<(), sqlx::Error> {
    let notification = Notification {
        name: name.to_owned(),
        position,
        keys: None,
        switched: true,
    };
    announce(conn, &notification).await?;
    // Its worker must look again, too, where its checkpoint is.
    announce_operation(conn, name).await
}

async fn announce(conn: &mut PgConnection, notification: &Notification) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(notification)
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query("select pg_notify($1, $2)")
        .bind(PROJECTION_CHANNEL)
        .bind(text)
        .execute(conn)
        .await?;
    Ok(())
}
