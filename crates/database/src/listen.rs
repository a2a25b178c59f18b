//! Listening to announcements, which tell at once what polling would find later.
//!
//! An announcement is heard only by those who listen already, and not over a connection that has
//! broken. So whoever listens subscribes first and looks after that, looks again now and then although
//! nothing was heard, and begins anew when the connection breaks.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use error_reporter::Report;
use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{Executor as _, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::backoff::Backoff;
use crate::rights::quoted;

/// A connection that takes longer to answer is taken for a silent one.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// A subscription to channels, on a connection of its own. It ends when the connection breaks. Left to
/// itself, sqlx's listener makes some broken connections anew, and what was announced meanwhile goes
/// unheard; one that was reset it keeps, and fails on it for ever.
pub struct Listening {
    listener: PgListener,
    /// Subscribes to the first channel once more, which changes nothing and must be answered.
    question: String,
    /// Set by the first wait for an announcement: whoever waits has looked before.
    in_touch: Arc<AtomicBool>,
}

/// What comes of waiting for an announcement.
pub enum Heard {
    Notification(PgNotification),
    /// Nothing was heard for as long as the poll interval.
    Silence,
}

impl Listening {
    /// Opens a connection like those of `pool`. What is announced after this is heard; look now for what was
    /// announced before.
    pub async fn subscribe(pool: &PgPool, channels: &[&str]) -> Result<Listening, sqlx::Error> {
        // A listener that is dropped gives its connection back, which takes for ever if that has fallen silent: so it
        // comes from a pool that nobody else waits for.
        let own = pool.options().clone().max_connections(1);
        let own = own.connect_lazy_with((*pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.eager_reconnect(false);
        listener.listen_all(channels.iter().copied()).await?;
        let first = channels.first().copied().unwrap_or_default();
        Ok(Listening {
            listener,
            question: format!("LISTEN {}", quoted(first)),
            in_touch: Arc::default(),
        })
    }

    /// The next announcement. Cancel safe. After an error nothing more is heard: subscribe anew. When nothing was heard
    /// the database is asked whether it is still there: a connection may fall silent without breaking.
    pub async fn next(&mut self, poll_interval: Duration) -> Result<Heard, sqlx::Error> {
        self.in_touch.store(true, Ordering::Relaxed);
        match timeout(poll_interval, self.listener.try_recv()).await {
            Ok(received) => match received? {
                Some(notification) => Ok(Heard::Notification(notification)),
                None => Err(sqlx::Error::Io(ErrorKind::ConnectionReset.into())),
            },
            Err(_elapsed) => {
                let asked = self.listener.execute(self.question.as_str());
                match timeout(ANSWERED_WITHIN, asked).await {
                    Ok(answered) => answered.map(|_| Heard::Silence),
                    Err(_elapsed) => Err(sqlx::Error::Io(ErrorKind::TimedOut.into())),
                }
            }
        }
    }
}

/// Touch with those who announce something, taken up anew whenever it is lost.
pub struct Touch<'a> {
    pub pool: &'a PgPool,
    pub channels: &'a [&'a str],
    /// What was lost touch with, as a warning says it.
    pub with: &'static str,
    /// Between two attempts.
    pub backoff: Backoff,
}

impl Touch<'_> {
    /// Calls `listen`, which looks and then listens, and calls it again whenever it has ended, until
    /// `shutdown`. Calls `lost` each time it has ended: from then on nothing is heard.
    pub async fn keep<E, F>(
        mut self,
        shutdown: &CancellationToken,
        mut listen: impl FnMut(Listening) -> F,
        mut lost: impl FnMut(),
    ) where
        E: Error + From<sqlx::Error>,
        F: Future<Output = Result<(), E>>,
    {
        while !shutdown.is_cancelled() {
            let in_touch = Arc::new(AtomicBool::new(false));
            let ended = async {
                let mut listening = Listening::subscribe(self.pool, self.channels).await?;
                listening.in_touch = Arc::clone(&in_touch);
                listen(listening).await
            };
            let ended = shutdown.run_until_cancelled(ended).await;
            lost();
            if let Some(Err(error)) = ended {
                warn!(error = %Report::new(&error), "lost touch with {}", self.with);
            }
            if in_touch.load(Ordering::Relaxed) {
                self.backoff.reset();
            }
            self.backoff.wait(shutdown).await;
        }
    }
}
