//! Background work that no request waits for.

use std::time::Duration;

use daybook_identity::{one_time, session};
use daybook_projections::{measure, status};
use error_reporter::Report;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::app::App;

/// If the database takes longer, it is overloaded, and the measurement is skipped.
const MEASURING: Duration = Duration::from_secs(2);

/// How often records whose time has passed are deleted.
const TIDYING: Duration = Duration::from_secs(10 * 60);

/// Runs until `shutdown`: measures the projections, records when API keys were used, empties the metrics' buffers,
/// forgets idle clients, and now and then deletes records whose time has passed.
pub async fn run(app: App, shutdown: CancellationToken) {
    measure::describe();
    daybook_audit::measure::describe();
    let mut turn = interval(Duration::from_secs(5));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tidied = Instant::now();
    loop {
        tokio::select! {
            _ = turn.tick() => {}
            () = shutdown.cancelled() => return,
        }
        match timeout(MEASURING, status(&app.pool, &app.feed)).await {
            Ok(Ok(statuses)) => measure::status(&statuses),
            _ => debug!("the projections could not be measured"),
        }
        match timeout(MEASURING, daybook_audit::measure::status(&app.pool)).await {
            Ok(Ok(())) => {}
            _ => debug!("sealing could not be measured"),
        }
        match timeout(MEASURING, app.callers.api_keys.record_uses()).await {
            Ok(Ok(())) => {}
            _ => debug!("when API keys were used could not be written down"),
        }
        match timeout(MEASURING, one_time::tidy(&app.pool)).await {
            Ok(Ok(_)) => {}
            _ => debug!("old one-time tokens could not be forgotten"),
        }
        if let Some(recorder) = &app.recorder {
            recorder.run_upkeep();
        }
        app.gateway.tidy();
        app.answers.measure();
        if tidied.elapsed() > TIDYING {
            tidied = Instant::now();
            tidy(&app).await;
        }
    }
}

async fn tidy(app: &App) {
    if let Err(error) = app.accounts.guessing.tidy().await {
        warn!(
            error = %Report::new(&error),
            "old counts of wrong passwords could not be dropped"
        );
    }
    if let Err(error) = app.security.expire().await {
        warn!(
            error = %Report::new(&error),
            "old security events could not be dropped"
        );
    }
    if let Err(error) = session::tidy(&app.pool).await {
        warn!(
            error = %Report::new(&error),
            "sessions that ended long ago could not be dropped"
        );
    }
}
