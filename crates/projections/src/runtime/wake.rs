//! Wakes the workers when the log grows and when an operator has done something.

use std::time::Duration;

use daybook_log::{Feed, LogError, Position};
use sqlx::PgConnection;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::backoff::Backoff;

/// Where every action of an operator on a projection is announced, as the projection's name.
const OPERATION_CHANNEL: &str = "daybook_operation";

/// Listens for all workers of this process.
///
/// Every change of a channel means "look again": at the log, of which `head` is the highest position
/// heard of, or at the checkpoints. Both change with each notification and also once every poll
/// interval without one, so that a lost notification costs no more than that.
pub(super) struct Wake {
    feed: Feed,
    poll_interval: Duration,
    head: watch::Sender<Position>,
    operations: watch::Sender<()>,
}

/// What wakes a worker.
pub(super) struct Heard {
    pub(super) head: watch::Receiver<Position>,
    pub(super) operations: watch::Receiver<()>,
}

impl Wake {
    pub(super) fn new(feed: Feed, poll_interval: Duration) -> Wake {
        Wake {
            feed,
            poll_interval,
            head: watch::Sender::new(0),
            operations: watch::Sender::new(()),
        }
    }

    pub(super) fn subscribe(&self) -> Heard {
        Heard {
            head: self.head.subscribe(),
            operations: self.operations.subscribe(),
        }
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
        listener.listen(OPERATION_CHANNEL).await?;
        backoff.reset();
        // What happened before the subscription is heard of here.
        self.operations.send_replace(());
        self.announce(self.feed.head().await?);
        loop {
            match timeout(self.poll_interval, listener.try_recv()).await {
                Ok(received) => match received? {
                    Some(notification) if notification.channel() == OPERATION_CHANNEL => {
                        self.operations.send_replace(())
                    }
                    Some(notification) => {
                        self.announce(notification.payload().parse().unwrap_or(0))
                    }
                    None => return Ok(()),
                },
                Err(_elapsed) => {
                    debug!("no notification, looking all the same");
                    self.operations.send_replace(());
                    self.announce(self.feed.head().await?);
                }
            }
        }
    }

    fn announce(&self, head: Position) {
        self.head.send_modify(|known| *known = head.max(*known));
    }
}

/// Wakes the workers of a projection, wherever they are, once the transaction commits.
pub(crate) async fn announce_operation(
    conn: &mut PgConnection,
    name: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(OPERATION_CHANNEL)
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
}
