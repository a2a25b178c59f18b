//! Bringing a finished build up to date, in batches, as the live projector would.

use daybook_log::{Feed, Position};
use sqlx::{Acquire, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{BuildError, Purpose, unit::Unit};
use crate::{projection::Target, projection::apply, skipped::Skipped};

/// Events in one transaction.
const BATCH: i64 = 2_000;

/// Applies the events after `position` up to `to`. The error contains an event that stops the live
/// projector too; the events before it have been applied, and `position` says so.
pub(super) async fn catch_up(
    conn: &mut PgConnection,
    feed: &Feed,
    unit: &Unit,
    position: &mut Position,
    to: Position,
    skipped: &Skipped,
    stop: &CancellationToken,
) -> Result<(), BuildError> {
    let target = Target::live(unit.schema.clone());
    let mut batch_size = BATCH;
    while *position < to {
        if stop.is_cancelled() {
            return Err(BuildError::Stopped);
        }
        let before = *position;
        let limit = batch_size.min(to - *position);
        let batch = feed.read_after(*position, limit).await?;
        let reached = batch
            .events
            .last()
            .map_or(*position, |event| event.position);
        if reached > *position {
            let mut transaction = conn.begin().await?;
            unit.fence.hold(&mut transaction, &unit.schema).await?;
            let applied = apply(
                &*unit.projection,
                &mut transaction,
                &target,
                &batch.events,
                skipped,
            )
            .await
            .map_err(BuildError::from);
            match applied {
                Ok(()) => {}
                Err(BuildError::Obstacle { position: bad, .. }) if bad > *position + 1 => {
                    batch_size = bad - *position - 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            remember(&mut transaction, unit, reached).await?;
            transaction.commit().await?;
            *position = reached;
        }
        if let Some(poison) = batch.poison {
            unit.pass(&poison, skipped)?;
            *position = poison.position;
        }
        if *position == before {
            return Err(BuildError::BeyondHead { head: before });
        }
        unit.tracker.reach(*position);
        batch_size = BATCH;
    }
    Ok(())
}

/// The previous version is kept whether its rollback succeeds or not, so its position moves together with
/// its rows.
async fn remember(
    conn: &mut PgConnection,
    unit: &Unit,
    position: Position,
) -> Result<(), sqlx::Error> {
    if unit.purpose == Purpose::Rollback {
        sqlx::query("update projections.previous set position = $2 where name = $1")
            .bind(unit.name())
            .bind(position)
            .execute(conn)
            .await?;
    }
    Ok(())
}
