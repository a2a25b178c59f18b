//! What the sealer does: wait for the lease, seal while it is held, start over when something fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use daybook_database::{Backoff, Lease, Listening};
use daybook_log::{LOG_CHANNEL, Position};
use error_reporter::Report;
use sqlx::{PgConnection, query};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{LEASES, ONLY_ROW, Refusal, SealError, Sealer, SealerState, batch, start};

/// Whoever sealed for so long is not failing time after time.
const STEADY_AFTER: Duration = Duration::from_secs(5);

pub(super) async fn run(sealer: Sealer, shutdown: CancellationToken) {
    let mut backoff = Backoff::default();
    while !shutdown.is_cancelled() {
        let begun = Instant::now();
        let ended = hold(&sealer, &shutdown).await;
        match ended {
            Ok(()) => return,
            Err(SealError::Refused(refusal)) => {
                error!(%refusal, "sealing has stopped");
                let reason = Arc::from(refusal.to_string());
                sealer.enter(SealerState::Refused { reason });
                return shutdown.cancelled().await;
            }
            Err(error) => warn!(
                error = %Report::new(&error),
                "sealing is interrupted"
            ),
        }
        sealer.enter(SealerState::Waiting);
        if begun.elapsed() > STEADY_AFTER {
            backoff.reset();
        }
        backoff.wait(&shutdown).await;
    }
}

/// Waits for the lease and seals; returns without an error only if told to stop.
async fn hold(sealer: &Sealer, shutdown: &CancellationToken) -> Result<(), SealError> {
    let acquired = shutdown.run_until_cancelled(acquire(sealer)).await;
    let Some(acquired) = acquired else {
        return Ok(());
    };
    let lease = acquired?;
    info!(fencing = lease.fencing(), "this process seals the log");
    let fencing = lease.fencing();
    let heard = watch::Sender::new(());
    let ended = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        Err(error) = lease.keep() => Err(error.into()),
        Err(error) = listen(sealer, &heard) => Err(error),
        Err(error) = seal(sealer, fencing, heard.subscribe()) => Err(error),
    };
    // Where this fails, the end of the session says the same.
    let _ = timeout(lease.ttl(), lease.release()).await;
    ended
}

async fn acquire(sealer: &Sealer) -> Result<Lease, SealError> {
    let (holder, ttl) = (sealer.holder(), sealer.config.lease_ttl);
    loop {
        let acquired = LEASES.acquire(&sealer.pool, ONLY_ROW, &holder, ttl).await?;
        if let Some(lease) = acquired {
            return Ok(lease);
        }
        sleep(sealer.config.poll_interval.min(ttl / 4)).await;
    }
}

/// Says "look again" at each append, and once every poll interval without one.
async fn listen(sealer: &Sealer, heard: &watch::Sender<()>) -> Result<Infallible, SealError> {
    let mut listening = Listening::subscribe(&sealer.pool, &[LOG_CHANNEL]).await?;
    loop {
        heard.send_replace(());
        listening.next(sealer.config.poll_interval).await?;
    }
}

/// Seals everything there is: at once after a silence, then once in each interval while events keep coming, and without
/// a pause while it is behind.
async fn seal(
    sealer: &Sealer,
    fencing: i64,
    mut heard: watch::Receiver<()>,
) -> Result<Infallible, SealError> {
    let mut connection = connect(sealer).await?;
    let (found, mut growth) = start::resume(&mut connection, &sealer.keys).await?;
    let sealed_before = sealer.sealed.borrow().checkpoint.clone();
    start::must_hold(&mut connection, sealed_before).await?;
    if let Some(store) = &sealer.store {
        start::must_continue(&mut connection, store, &sealer.keys).await?;
    }
    let mut checkpoint = found.map(Arc::new);
    sealer.sealed.send_modify(|sealed| {
        sealed.state = SealerState::Sealing;
        sealed.checkpoint = checkpoint.clone();
    });
    loop {
        heard.mark_unchanged();
        let begun = Instant::now();
        let head = daybook_log::head(&mut connection).await?;
        sealer.saw(head);
        let size = growth.size();
        let sealed = size as Position;
        if head < sealed {
            return Err(Refusal::Shorter { head, size }.into());
        }
        if head == sealed {
            // The sender lives as long as this.
            let _ = heard.changed().await;
            continue;
        }
        let to = head.min(sealed + sealer.config.batch_size);
        let before = checkpoint.as_deref();
        let made = batch::seal(&mut connection, fencing, &sealer.keys, before, growth, to);
        let (signed, grown) = made.await?;
        growth = grown;
        checkpoint = Some(Arc::new(signed));
        sealer
            .sealed
            .send_modify(|sealed| sealed.checkpoint = checkpoint.clone());
        if to == head {
            sleep_until(begun + sealer.config.interval).await;
        }
    }
}

/// A connection of the sealer's own: one that is left in the middle of reading cannot go back to a pool.
async fn connect(sealer: &Sealer) -> Result<PgConnection, SealError> {
    let mut connection = sealer.pool.acquire().await?.detach();
    query("set jit = off").execute(&mut connection).await?;
    Ok(connection)
}

impl Sealer {
    fn enter(&self, state: SealerState) {
        self.sealed.send_modify(|sealed| sealed.state = state);
    }

    fn saw(&self, head: Position) {
        self.sealed.send_if_modified(|sealed| {
            let grown = head != sealed.head;
            sealed.head = head;
            grown
        });
    }
}
