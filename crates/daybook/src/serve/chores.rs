//! Work of a server that answers requests, for which no request waits.

use std::error::Error;
use std::time::Duration;

use daybook_api::app::App;
use daybook_identity::one_time;
use daybook_projections::{measure, status};
use error_reporter::Report;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// If the database takes longer, it is overloaded, and what was asked of it is left for the next turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often records whose time has passed are deleted.
const TIDYING: Duration = Duration::from_secs(10 * 60);

/// Runs until `shutdown`: measures the projections, records when API keys were used, empties the metrics' buffers,
/// forgets idle clients, and now and then deletes records whose time has passed.
pub(super) async fn run(app: App, shutdown: CancellationToken) {
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
        match in_time(status(&app.pool, &app.feed)).await {
            Ok(statuses) => measure::status(&statuses),
            Err(error) => debug!(%error, "the projections could not be measured"),
        }
        if let Err(error) = in_time(daybook_audit::measure::status(&app.pool)).await {
            debug!(%error, "sealing could not be measured");
        }
        if let Err(error) = in_time(app.callers.api_keys.record_uses()).await {
            warn!(%error, "when API keys were used could not be written down");
        }
        if let Err(error) = in_time(one_time::tidy(&app.pool)).await {
            warn!(%error, "old one-time tokens could not be forgotten");
        }
        app.tidy();
        if tidied.elapsed() > TIDYING {
            tidied = Instant::now();
            app.accounts.tidy().await;
        }
    }
}

/// The result of `work`, or why there is none.
async fn in_time<T, E: Error>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Report::new(&error).to_string()),
        Err(late) => Err(late.to_string()),
    }
}
