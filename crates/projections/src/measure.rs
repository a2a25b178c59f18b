//! Metrics of projections, for monitoring.
//!
//! A projector measures its own work as it goes. What is in the database (lag, dead letters, builds) is
//! also measured by [`status`], since a projector or a builder may run in a process whose metrics nobody
//! reads.

use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_log::Position;
use metrics::{Unit, describe_gauge, describe_histogram, gauge, histogram};
use sqlx::PgPool;

use crate::ProjectionStatus;

const POSITION: &str = "daybook_projection_position";
const LAG_EVENTS: &str = "daybook_projection_lag_events";
const LAG_SECONDS: &str = "daybook_projection_lag_seconds";
const BATCH_SIZE: &str = "daybook_projection_batch_size";
const APPLY: &str = "daybook_projection_apply_seconds";
const DEAD_LETTERS: &str = "daybook_projection_dead_letters";
const BUILD_PROGRESS: &str = "daybook_projection_build_progress";
const BUILD_RATE: &str = "daybook_projection_build_events_per_second";

/// Describes the metrics to the recorder.
pub fn describe() {
    describe_gauge!(POSITION, "Position of the last event in the read model");
    describe_gauge!(LAG_EVENTS, "Events in the log that the read model lacks");
    describe_gauge!(
        LAG_SECONDS,
        Unit::Seconds,
        "How long the oldest event that the read model lacks has been in the log"
    );
    describe_histogram!(BATCH_SIZE, "Events applied in one transaction");
    describe_histogram!(
        APPLY,
        Unit::Seconds,
        "Time from the start of a batch's transaction to its commit"
    );
    describe_gauge!(DEAD_LETTERS, "Events that were skipped");
    describe_gauge!(
        BUILD_PROGRESS,
        "Part of the present phase that the running build has done, 0 to 1; 0 while none runs"
    );
    describe_gauge!(
        BUILD_RATE,
        "Events that the running build applies in a second; 0 while none runs"
    );
}

/// A batch that was committed.
pub(crate) fn batch(name: &'static str, position: Position, events: usize, took: Duration) {
    gauge!(POSITION, "projection" => name).set(position as f64);
    histogram!(BATCH_SIZE, "projection" => name).record(events as f64);
    histogram!(APPLY, "projection" => name).record(took);
}

/// A projector's own view of its lag: `waiting_since` is when the next event was recorded.
pub(crate) fn lag(name: &'static str, events: i64, waiting_since: Option<DateTime<Utc>>) {
    // The database's clock is compared with this machine's; close enough for a curve.
    let waiting = waiting_since.map_or(0, |since| (Utc::now() - since).num_milliseconds().max(0));
    gauge!(LAG_EVENTS, "projection" => name).set(events as f64);
    gauge!(LAG_SECONDS, "projection" => name).set(waiting as f64 / 1000.0);
}

/// The lag of a projector that stands still while the log grows.
pub(crate) async fn standstill(
    pool: &PgPool,
    name: &'static str,
    position: Position,
) -> Result<(), sqlx::Error> {
    let (head, waiting_since) = sqlx::query_as(
        "select coalesce(max(position), 0), (select recorded_at from log.events where position = $1 + 1)
         from log.events",
    )
    .bind(position)
    .fetch_one(pool)
    .await?;
    let head: Position = head;
    lag(name, head - position, waiting_since);
    Ok(())
}

/// What the database says about each projection.
pub fn status(statuses: &[ProjectionStatus]) {
    for status in statuses {
        let name = &status.name;
        gauge!(POSITION, "projection" => name.clone()).set(status.position as f64);
        gauge!(LAG_EVENTS, "projection" => name.clone()).set(status.lag_events as f64);
        gauge!(LAG_SECONDS, "projection" => name.clone()).set(status.lag_seconds);
        gauge!(DEAD_LETTERS, "projection" => name.clone()).set(status.dead_letters as f64);
        let (progress, rate) = status.build.as_ref().map_or((0.0, 0.0), |build| {
            (build.progress(), build.events_per_second)
        });
        gauge!(BUILD_PROGRESS, "projection" => name.clone()).set(progress);
        gauge!(BUILD_RATE, "projection" => name.clone()).set(rate);
    }
}
