//! Writing events, without the answers waiting for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use error_reporter::Report;
use metrics::{counter, describe_counter};
use sqlx::types::Json;
use sqlx::{PgPool, query, query_scalar};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{KEPT_FOR, SecurityEvent};

/// How many events may wait for a database that cannot be reached; further ones are dropped, counted and
/// reported.
const QUEUE: usize = 4_096;
const BATCH: usize = 512;
const PAUSE: Duration = Duration::from_secs(1);
/// How long the queue may delay the end of a server.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a reader waits for events that were recorded before it asked.
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);

const EVENTS: &str = "daybook_security_events_total";
const DROPPED: &str = "daybook_security_events_dropped_total";

/// Takes events to be recorded. Clones share the queue.
#[derive(Clone)]
pub struct SecurityLog(Arc<Inner>);

struct Inner {
    pool: PgPool,
    queue: mpsc::Sender<Message>,
    queued: Mutex<mpsc::Receiver<Message>>,
    /// So that a flood is reported once.
    is_dropping: AtomicBool,
}

enum Message {
    Event(Box<SecurityEvent>),
    /// Answered once everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl SecurityLog {
    /// Writes nothing until [`SecurityLog::run`] does.
    pub fn new(pool: PgPool) -> SecurityLog {
        describe_counter!(EVENTS, "Security events, by kind.");
        describe_counter!(DROPPED, "Security events that were not written.");
        let (queue, queued) = mpsc::channel(QUEUE);
        SecurityLog(Arc::new(Inner {
            pool,
            queue,
            queued: Mutex::new(queued),
            is_dropping: AtomicBool::new(false),
        }))
    }

    /// Never waits.
    pub fn record(&self, event: SecurityEvent) {
        counter!(EVENTS, "kind" => event.kind.as_str()).increment(1);
        match self.0.queue.try_send(Message::Event(Box::new(event))) {
            Ok(()) => self.0.is_dropping.store(false, Ordering::Relaxed),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                counter!(DROPPED).increment(1);
                if !self.0.is_dropping.swap(true, Ordering::Relaxed) {
                    warn!("security events are dropped: they come faster than they are written");
                }
            }
        }
    }

    /// Waits until everything that this process has recorded so far can be read, but not for long.
    pub async fn flushed(&self) {
        let (written, all) = oneshot::channel();
        let flushed = async {
            let queued = self.0.queue.send(Message::Flush(written)).await;
            if queued.is_ok() {
                let _ = all.await;
            }
        };
        if timeout(FLUSHED_WITHIN, flushed).await.is_err() {
            warn!("security events are read that are not all written yet");
        }
    }

    /// Writes events until `stop`, and then those that are still queued.
    pub async fn run(&self, stop: CancellationToken) {
        let mut queued = self.0.queued.lock().await;
        let mut batch = Vec::with_capacity(BATCH);
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                _ = queued.recv_many(&mut batch, BATCH) => self.write(&mut batch, &stop).await,
                () = stop.cancelled() => {}
            }
        }
        let last_words = async {
            while let Ok(message) = queued.try_recv() {
                batch.push(message);
            }
            self.write(&mut batch, &stop).await;
        };
        if timeout(LAST_WORDS, last_words).await.is_err() {
            warn!("security events were not written before the end");
        }
    }

    /// Deletes events that were kept long enough; returns how many.
    pub async fn expire(&self) -> Result<i64, sqlx::Error> {
        query_scalar("select auth.expire_security_events(make_interval(secs => $1))")
            .bind(KEPT_FOR.as_secs_f64())
            .fetch_one(&self.0.pool)
            .await
    }

    /// Tries until the database is back, or until `stop`, and then once more.
    async fn write(&self, batch: &mut Vec<Message>, stop: &CancellationToken) {
        let (mut events, mut readers) = (Vec::new(), Vec::new());
        for message in batch.drain(..) {
            match message {
                Message::Event(event) => events.push(event),
                Message::Flush(written) => readers.push(written),
            }
        }
        while !events.is_empty() {
            match self.insert(&events).await {
                Ok(()) => break,
                Err(error) if is_refusal(&error) || stop.is_cancelled() => {
                    counter!(DROPPED).increment(events.len() as u64);
                    let error = Report::new(&error);
                    error!(%error, events = events.len(), "security events could not be written");
                    break;
                }
                Err(error) => {
                    warn!(
                        error = %Report::new(&error),
                        "security events have to wait for the database"
                    );
                    let _ = stop.run_until_cancelled(sleep(PAUSE)).await;
                }
            }
        }
        for written in readers {
            let _ = written.send(());
        }
    }

    async fn insert(&self, events: &[Box<SecurityEvent>]) -> Result<(), sqlx::Error> {
        query("select auth.record_security_events($1)")
            .bind(Json(events))
            .execute(&self.0.pool)
            .await?;
        Ok(())
    }
}

/// Whether the statement itself is at fault and would be refused again.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|refusal| refusal.code());
    code.is_some_and(|code| {
        ["22", "23", "42"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}
