//! Wakes whoever works through the log, when it grows.

use std::time::Duration;

use daybook_database::{Backoff, Heard, Listening, Touch};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{Feed, LOG_CHANNEL, LogError, Position};

/// Listens for all workers of this process, over one connection.
///
/// Every change of a receiver means "look again": at the log, where the value is the highest position
/// heard of, or at what is announced on another channel. A receiver changes with each notification on
/// its channel, and all of them do once every poll interval without any, so that a lost notification
/// costs no more than that.
pub struct Wake {
    feed: Feed,
    poll_interval: Duration,
    head: watch::Sender<Position>,
    others: Vec<(&'static str, watch::Sender<()>)>,
}

impl Wake {
    pub fn new(feed: Feed, poll_interval: Duration) -> Wake {
        Wake {
            feed,
            poll_interval,
            head: watch::Sender::new(0),
            others: Vec::new(),
        }
    }

    /// The highest position heard of, 0 at first.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    /// Listens to another channel, too.
    pub fn also(&mut self, channel: &'static str) -> watch::Receiver<()> {
        let (sender, receiver) = watch::channel(());
        self.others.push((channel, sender));
        receiver
    }

    /// Listens until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let channels = [LOG_CHANNEL].into_iter();
        let channels: Vec<&str> = channels
            .chain(self.others.iter().map(|(channel, _)| *channel))
            .collect();
        let touch = Touch {
            pool: &self.feed.pool,
            channels: &channels,
            with: "the log",
            backoff: Backoff::default(),
        };
        // The next look may find a shorter log, if the database was set back.
        let lost = || {
            self.head.send_replace(0);
        };
        touch
            .keep(&shutdown, |listening| self.listen(listening), lost)
            .await;
    }

    async fn listen(&self, mut listening: Listening) -> Result<(), LogError> {
        self.look().await?;
        loop {
            match listening.next(self.poll_interval).await? {
                Heard::Notification(notification) => {
                    self.hear(notification.channel(), notification.payload());
                }
                Heard::Silence => {
                    debug!("no notification, looking all the same");
                    self.look().await?;
                }
            }
        }
    }

    async fn look(&self) -> Result<(), LogError> {
        for (_, other) in &self.others {
            other.send_replace(());
        }
        self.announce(self.feed.head().await?);
        Ok(())
    }

    fn hear(&self, channel: &str, payload: &str) {
        match self.others.iter().find(|(other, _)| *other == channel) {
            Some((_, other)) => {
                other.send_replace(());
            }
            None => self.announce(payload.parse().unwrap_or(0)),
        }
    }

    fn announce(&self, head: Position) {
        self.head.send_modify(|known| *known = head.max(*known));
    }
}
