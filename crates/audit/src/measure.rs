//! Metrics of sealing, for monitoring. They come from the database, since the sealer may run in a process whose metrics
//! nobody reads.

use daybook_log::Position;
use metrics::{describe_gauge, gauge};
use sqlx::{PgPool, query_as};

use crate::error::AuditError;

const SEALED_POSITION: &str = "daybook_sealed_position";
const LAG_EVENTS: &str = "daybook_seal_lag_events";

/// Describes the metrics to the recorder.
pub fn describe() {
    describe_gauge!(
        SEALED_POSITION,
        "Position of the last event that the newest checkpoint covers"
    );
    describe_gauge!(
        LAG_EVENTS,
        "Events in the log that no checkpoint covers yet"
    );
}

/// How far the log is sealed, and how much is not sealed yet.
pub async fn status(pool: &PgPool) -> Result<(), AuditError> {
    let (sealed, head): (Position, Position) = query_as(
        "select coalesce((select max(size) from audit.checkpoints), 0),
                coalesce((select max(position) from log.events), 0)",
    )
    .fetch_one(pool)
    .await?;
    gauge!(SEALED_POSITION).set(sealed as f64);
    gauge!(LAG_EVENTS).set((head - sealed) as f64);
    Ok(())
}
