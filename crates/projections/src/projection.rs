//! The definition of a read model: how its rows follow from events.
//!
//! A batch is applied in three steps: load the rows that its events change, fold the events into
//! them in memory, write them back with a few bulk statements. Only the middle one knows what events
//! mean, and it does no I/O, so that live projecting, rebuilding and verifying share it.
//!
//! Rows remember the sequence of the last event folded into them. An event that a row has already seen
//! changes nothing, so applying a batch twice leaves the rows as they were. Rows hold only what comes
//! from events (no clock, no order of insertion), so that a rebuilt read model has the same rows.

use std::fmt;

use daybook_domain::AggregateType;
use daybook_log::{Position, RecordedEvent};
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{schema::SchemaName, skipped::Skipped, table::Table};

/// A read model's definition. It holds no state: rows live in the database.
pub trait Projection: Send + Sync {
    /// Names the checkpoint, the lease and the live schema. Never changes.
    fn name(&self) -> &'static str;

    /// Must be increased when the same events should yield other rows; then a rebuild is necessary.
    fn version(&self) -> i32;

    /// The read model's tables.
    fn tables(&self) -> &'static [Table];

    /// The aggregates whose events this read model is made of. It ignores other aggregates' events, even
    /// if this binary cannot decode them.
    fn aggregates(&self) -> &'static [AggregateType];

    /// The part of the read model that an event belongs to, `None` if it has no effect here. Events
    /// of one key must be folded in position order; events of different keys touch different rows, or
    /// amounts that are merged, so that they can be folded in parallel.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid>;

    /// Loads from `target` the rows that `events` change.
    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>>;
}

/// The rows that a batch changes, in memory.
pub trait Fold: Send {
    /// Folds one event in. Pure; events that don't concern the read model are ignored. `follows` is the
    /// sequence of the event of the same stream that this one comes after: normally the one before it, an
    /// earlier one if events were skipped, and 0 for a stream's first event.
    fn event(&mut self, event: &RecordedEvent, follows: i64) -> Result<(), Unfoldable>;

    /// Writes every changed row to `target`.
    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;
}

/// Where a fold reads and writes. Displayed as its schema, for use in statements.
#[derive(Clone, Debug)]
pub struct Target {
    pub schema: SchemaName,
    pub phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Live,
    /// Built in bulk: each event comes exactly once, appended and merged tables have neither keys nor
    /// indices yet, and rows to be merged are only appended, to be merged at the end.
    Building,
}

impl Target {
    pub fn live(schema: SchemaName) -> Target {
        Target {
            schema,
            phase: Phase::Live,
        }
    }

    pub fn building(schema: SchemaName) -> Target {
        Target {
            schema,
            phase: Phase::Building,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.schema.fmt(f)
    }
}

/// Why an event cannot follow those that were folded before it.
#[derive(Debug, thiserror::Error)]
pub enum Unfoldable {
    #[error("event {sequence} of its stream comes after {last}, events in between are missing")]
    SequenceGap { last: i64, sequence: i64 },
    #[error("it belongs to something of which no first event was seen")]
    NoFirstEvent,
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the event at position {position} cannot be folded")]
    Unfoldable {
        position: Position,
        source: Unfoldable,
    },
    #[error("the database did not apply a batch")]
    Database(#[from] sqlx::Error),
}

/// Applies `events` to the rows in `target`, within the caller's transaction. Passes over skipped events.
pub async fn apply(
    projection: &dyn Projection,
    conn: &mut PgConnection,
    target: &Target,
    events: &[RecordedEvent],
    skipped: &Skipped,
) -> Result<(), ApplyError> {
    if !events.iter().any(|event| projection.key(event).is_some()) {
        return Ok(());
    }
    let mut fold = projection.load(conn, target, events).await?;
    for event in events {
        let Some(follows) = skipped.follows(event.stream, event.sequence) else {
            continue;
        };
        fold.event(event, follows)
            .map_err(|source| ApplyError::Unfoldable {
                position: event.position,
                source,
            })?;
    }
    fold.write(conn, target).await?;
    Ok(())
}

/// Whether a row whose last event was `last` still has to see `event`, which comes after `follows`.
pub(crate) fn is_next(last: i64, follows: i64, event: &RecordedEvent) -> Result<bool, Unfoldable> {
    match event.sequence {
        seen if seen <= last => Ok(false),
        _ if follows == last => Ok(true),
        sequence => Err(Unfoldable::SequenceGap { last, sequence }),
    }
}
