//! What a read model is made of: how its rows follow from events.
//!
//! A batch is applied in three steps: load the rows that its events change, fold the events into
//! them in memory, write them back with a few bulk statements. Only the middle one knows what events
//! mean, and it does no I/O, so that live projecting, rebuilding and verifying share it.
//!
//! Rows remember the sequence of the last event folded into them. An event that a row has already
//! seen changes nothing, so applying a batch twice leaves the rows as they were.

use daybook_domain::AggregateType;
use daybook_log::{Position, RecordedEvent};
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::schema::SchemaName;

/// A read model's definition. It holds no state: rows live in the database.
pub trait Projection: Send + Sync {
    /// Names the checkpoint, the lease and the live schema. Never changes.
    fn name(&self) -> &'static str;

    /// Counts up when the same events shall yield other rows, which takes a rebuild.
    fn version(&self) -> i32;

    /// The read model's tables, without their schema.
    fn tables(&self) -> &'static [&'static str];

    /// The aggregates whose events this read model is made of. What other aggregates' events say, and
    /// whether this binary can decode them, is of no concern to it.
    fn aggregates(&self) -> &'static [AggregateType];

    /// The part of the read model that an event belongs to, `None` if it has no effect here. Events
    /// of one key must be folded in position order; events of different keys touch different rows, so
    /// that they can be folded in parallel.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid>;

    /// Loads from `schema` the rows that `events` change.
    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        schema: &'a SchemaName,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>>;
}

/// The rows that a batch changes, in memory.
pub trait Fold: Send {
    /// Folds one event in. Pure; events that don't concern the read model are ignored.
    fn event(&mut self, event: &RecordedEvent) -> Result<(), Unfoldable>;

    /// Writes every changed row to `schema`.
    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;
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

/// Applies `events` to the rows in `schema`, within the caller's transaction.
pub async fn apply(
    projection: &dyn Projection,
    conn: &mut PgConnection,
    schema: &SchemaName,
    events: &[RecordedEvent],
) -> Result<(), ApplyError> {
    if !events.iter().any(|event| projection.key(event).is_some()) {
        return Ok(());
    }
    let mut fold = projection.load(conn, schema, events).await?;
    for event in events {
        fold.event(event).map_err(|source| ApplyError::Unfoldable {
            position: event.position,
            source,
        })?;
    }
    fold.write(conn, schema).await?;
    Ok(())
}

/// Whether a row whose last event was `last` has still to see `event`.
pub(crate) fn is_next(last: i64, event: &RecordedEvent) -> Result<bool, Unfoldable> {
    match event.sequence {
        seen if seen <= last => Ok(false),
        next if next == last + 1 => Ok(true),
        sequence => Err(Unfoldable::SequenceGap { last, sequence }),
    }
}
