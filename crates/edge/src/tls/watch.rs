//! Reads the files every minute, and at SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use error_reporter::Report;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Certificate;

const EVERY: Duration = Duration::from_secs(60);

/// Runs until `stop`.
pub async fn watch(certificate: Arc<Certificate>, stop: CancellationToken) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            warn!(%error, "SIGHUP is not heard: a new certificate is taken within a minute");
            None
        }
    };
    let mut turn = interval(EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turn.tick() => {}
            () = signalled(&mut hangup) => {}
        }
        renew(Arc::clone(&certificate)).await;
    }
}

async fn signalled(hangup: &mut Option<Signal>) {
    let heard = match hangup {
        Some(hangup) => hangup.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending().await
    }
}

async fn renew(certificate: Arc<Certificate>) {
    // The files may be on a slow file system.
    let renewed = tokio::task::spawn_blocking(move || certificate.renew()).await;
    match renewed {
        Ok(Ok(true)) => info!("took a new TLS certificate"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => error!(
            error = %Report::new(&error),
            "the TLS certificate could not be renewed; the one before it stays: {}",
            error.remedy()
        ),
        Err(error) => error!(%error, "looking for a new TLS certificate failed"),
    }
}
