//! What is measured of sealing, for whoever watches over it: from the database, since the sealer may run in a process
//! of which nobody asks for figures.

use daybook_log::Position;
use metrics::{describe_gauge, gauge};
use sqlx::{PgPool, query_as};

use crate::error::AuditError;

const SEALED_POSITION: &str = "daybook_sealed_position";
const LAG_EVENTS: &str = "daybook_seal_lag_events";

/// Tells the recorder what the figures mean.
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

/// How far the log is sealed, and how far it is not.
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
