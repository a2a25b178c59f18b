//! Wakes the workers when the log grows.

use std::time::Duration;

use daybook_log::{Feed, LogError, Position};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::backoff::Backoff;

/// Listens to the log for all workers of this process.
///
/// Every change of the channel means "look again", and its value is the highest head heard of. It
/// changes with each notification and also once every poll interval without one, so that a lost
/// notification costs no more than that.
pub(super) struct Wake {
    feed: Feed,
    poll_interval: Duration,
    head: watch::Sender<Position>,
}

impl Wake {
    pub(super) fn new(feed: Feed, poll_interval: Duration) -> Wake {
        Wake {
            feed,
            poll_interval,
            head: watch::Sender::new(0),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::default();
        while !shutdown.is_cancelled() {
            let ended = shutdown
                .run_until_cancelled(self.listen(&mut backoff))
                .await;
            if let Some(Err(error)) = ended {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "lost touch with the log"
                );
            }
            self.announce(0);
            backoff.wait(&shutdown).await;
        }
    }

    /// Listens until the connection breaks. It is then made anew rather than by sqlx's listener,
    /// which keeps a connection that was reset and fails on it for ever.
    async fn listen(&self, backoff: &mut Backoff) -> Result<(), LogError> {
        let mut listener = self.feed.listen().await?;
        backoff.reset();
        // What was appended before the subscription is heard of here.
        self.announce(self.feed.head().await?);
        loop {
            match timeout(self.poll_interval, listener.try_recv()).await {
                Ok(received) => match received? {
                    Some(notification) => {
                        self.announce(notification.payload().parse().unwrap_or(0))
                    }
                    None => return Ok(()),
                },
                Err(_elapsed) => {
                    debug!("no notification, looking at the log");
                    self.announce(self.feed.head().await?);
                }
            }
        }
    }

    fn announce(&self, head: Position) {
        self.head.send_modify(|known| *known = head.max(*known));
    }
}
