//! Loading slots: all slots that are requested while one query runs are loaded together by the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use daybook_domain::StreamId;
use daybook_log::{Codec, LogError, stream};
use error_reporter::Report;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::answer::CommandError;
use crate::slot::Slot;

const QUEUE: usize = 4096;
const MOST_AT_ONCE: usize = 1000;
/// Longer than any request waits.
const ANSWERED_WITHIN: Duration = Duration::from_secs(12);

struct Request {
    slots: Vec<Arc<Slot>>,
    done: oneshot::Sender<Result<(), Arc<LogError>>>,
}

#[derive(Clone)]
pub(crate) struct Loader(mpsc::Sender<Request>);

impl Loader {
    /// Returns the handle and the task, which ends when all handles are gone.
    pub(crate) fn new(pool: PgPool, codec: Codec) -> (Loader, impl Future<Output = ()> + Send) {
        let (sender, requests) = mpsc::channel(QUEUE);
        (Loader(sender), run(pool, codec, requests))
    }

    /// Makes the slots current.
    pub(crate) async fn load(&self, slots: Vec<Arc<Slot>>) -> Result<(), CommandError> {
        let (done, loaded) = oneshot::channel();
        self.0
            .try_send(Request { slots, done })
            .map_err(|_| CommandError::Overloaded)?;
        match loaded.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(shared(&error)),
            Err(_) => Err(CommandError::ShuttingDown),
        }
    }
}

async fn run(pool: PgPool, codec: Codec, mut requests: mpsc::Receiver<Request>) {
    let mut asked = Vec::new();
    while requests.recv_many(&mut asked, MOST_AT_ONCE).await > 0 {
        let slots = asked.iter().flat_map(|request: &Request| &request.slots);
        // Everybody waits for this one: a connection that has fallen silent must not hold them up for good.
        let loaded = timeout(ANSWERED_WITHIN, load(&pool, &codec, slots)).await;
        let outcome = loaded
            .unwrap_or(Err(LogError::Database(sqlx::Error::PoolTimedOut)))
            .map_err(Arc::new);
        for request in asked.drain(..) {
            // One event that is not known is no reason to fail those who do not need its stream.
            let outcome = match &outcome {
                Err(error) if matches!(**error, LogError::Undecodable { .. }) => {
                    let slots = request.slots.iter();
                    load(&pool, &codec, slots).await.map_err(Arc::new)
                }
                shared => shared.clone(),
            };
            // The requester may have given up.
            let _ = request.done.send(outcome);
        }
    }
}

async fn load<'a>(
    pool: &PgPool,
    codec: &Codec,
    slots: impl Iterator<Item = &'a Arc<Slot>>,
) -> Result<(), LogError> {
    let wanted: HashMap<StreamId, &Arc<Slot>> = slots
        .filter(|slot| !slot.is_current())
        .map(|slot| (slot.stream, slot))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let known = wanted
        .iter()
        .map(|(stream, slot)| (*stream, slot.confirmed()))
        .collect();
    let mut connection = pool.acquire().await?;
    for (stream, state) in stream::load(&mut connection, codec, known).await? {
        if let Some(slot) = wanted.get(&stream) {
            slot.loaded(state);
        }
    }
    Ok(())
}

/// If one query fails, it fails for everyone who waited for it.
fn shared(error: &LogError) -> CommandError {
    match error {
        LogError::Database(_) => CommandError::Unavailable(None),
        LogError::Undecodable {
            position,
            event_type,
            reason,
        } => CommandError::Failed(LogError::Undecodable {
            position: *position,
            event_type: event_type.clone(),
            reason: reason.clone(),
        }),
        other => CommandError::Internal(Report::new(other).to_string()),
    }
}
