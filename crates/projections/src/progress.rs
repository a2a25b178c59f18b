//! How far the read models are, as far as this process knows.
//!
//! One task listens to what projectors commit, in this process or another. Queries wait for it before they read their
//! own writes, and it invalidates caches. While it cannot listen it polls the checkpoints, so that waiting queries
//! continue, and tells caches that changes may have been missed.
//!
//! For every change this order holds: it is *announced* (from here on [`ProgressTracker::is_current`] says no to older
//! rows), caches are invalidated, then it is *published* to those who wait for that position. So a query that has
//! waited finds no older row in a cache.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use daybook_database::{Backoff, Heard, Listening, Touch};
use daybook_log::Position;
use error_reporter::Report;
use parking_lot::{Mutex, RwLock};
use sqlx::PgPool;
use tokio::{
    sync::{broadcast, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    registry::registry,
    runtime::{Notification, PROJECTION_CHANNEL},
    stand::Stand,
};

/// How often checkpoints are polled while the task cannot listen.
const POLL_DEAF: Duration = Duration::from_millis(250);

/// How often checkpoints are polled while it listens, to notice a connection that has gone silent.
const POLL_LISTENING: Duration = Duration::from_secs(1);

/// How many changes a slow subscriber may fall behind before it is told to start over.
const CHANGES_KEPT: usize = 1_024;

/// Something happened to the read models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A batch was committed. `keys` are the ids of the rows that it may have changed; `None` means that there are too
    /// many to name.
    Advanced {
        name: &'static str,
        position: Position,
        keys: Option<Vec<String>>,
    },
    /// Changes may have been missed: nothing that was read before is reliable any more.
    Resync,
}

/// Tracks how far the read models are. Clones share their state. Nothing moves unless [`ProgressTracker::run`] runs.
#[derive(Clone)]
pub struct ProgressTracker {
    shared: Arc<Shared>,
}

struct Shared {
    projections: BTreeMap<&'static str, Tracked>,
    listening: AtomicBool,
    listeners: RwLock<Vec<Listener>>,
    changes: broadcast::Sender<Arc<Change>>,
}

type Listener = Box<dyn Fn(&Change) + Send + Sync>;

#[derive(Default)]
struct Tracked {
    announced: AtomicI64,
    /// The position at which the rows were last exchanged for others. A read at this position may have seen either.
    switched: AtomicI64,
    /// What rows must hold to be current, if that is known: the last change that was announced.
    stand: Mutex<Option<Stand>>,
    published: watch::Sender<Position>,
}

/// A projection's name and where it is.
type Found = (String, Stand);

impl Default for ProgressTracker {
    fn default() -> ProgressTracker {
        ProgressTracker::new()
    }
}

impl ProgressTracker {
    pub fn new() -> ProgressTracker {
        let projections = registry()
            .iter()
            .map(|projection| (projection.name(), Tracked::default()))
            .collect();
        ProgressTracker {
            shared: Arc::new(Shared {
                projections,
                listening: AtomicBool::new(false),
                listeners: RwLock::default(),
                changes: broadcast::Sender::new(CHANGES_KEPT),
            }),
        }
    }

    /// Has every change reported to `listener` before its position is published. It runs in the tracker's task, so it
    /// must be quick and must not block.
    pub fn on_change(&self, listener: impl Fn(&Change) + Send + Sync + 'static) {
        self.shared.listeners.write().push(Box::new(listener));
    }

    /// Changes from now on, for subscribers that may hear of them late.
    pub fn changes(&self) -> Changes {
        Changes {
            receiver: self.shared.changes.subscribe(),
        }
    }

    /// The published position of a projection; `None` for a name that isn't in the registry.
    pub fn watch(&self, name: &str) -> Option<watch::Receiver<Position>> {
        self.shared
            .projections
            .get(name)
            .map(|tracked| tracked.published.subscribe())
    }

    /// The published position of a projection, 0 when unknown.
    pub fn position(&self, name: &str) -> Position {
        self.shared
            .projections
            .get(name)
            .map_or(0, |tracked| *tracked.published.borrow())
    }

    /// Whether a row that was read at `position` may stay in a cache: nothing later was announced,
    /// and nothing can have been missed. Insert first, then ask, then remove if not.
    pub fn is_current(&self, name: &str, position: Position) -> bool {
        self.shared.listening.load(Ordering::SeqCst)
            && self.shared.projections.get(name).is_some_and(|tracked| {
                tracked.announced.load(Ordering::SeqCst) <= position
                    && tracked.switched.load(Ordering::SeqCst) < position
            })
    }

    /// What rows must hold to be current: everything up to the last event that changed any row, as far as this process
    /// has heard. A caller that has waited for a position before asking is told of every change up to there. `None`
    /// while changes may be missed, and for a moment after rows were exchanged for others.
    pub fn stand(&self, name: &str) -> Option<Stand> {
        *self.shared.projections.get(name)?.stand.lock()
    }

    /// Tracks until `shutdown`. Uses one connection of `pool` now and then, and one of its own to listen.
    pub async fn run(&self, pool: PgPool, shutdown: CancellationToken) {
        let deaf = self.poll_while_deaf(&pool);
        let touch = Touch {
            pool: &pool,
            channels: &[PROJECTION_CHANNEL],
            with: "the projectors",
            backoff: Backoff::default(),
        };
        let hear = |listening| self.listen(&pool, listening);
        tokio::select! {
            () = deaf => {}
            () = touch.keep(&shutdown, hear, || self.forget()) => {}
        }
    }

    /// Listens until the connection breaks or falls silent.
    async fn listen(&self, pool: &PgPool, mut listening: Listening) -> Result<(), sqlx::Error> {
        let found = Stand::read_all(pool).await?;
        self.resync();
        for (name, stand) in &found {
            self.advance(name, stand.position, None);
        }
        self.learn(&found);
        self.shared.listening.store(true, Ordering::SeqCst);

        let mut poll = interval(POLL_LISTENING);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen_before: Vec<Found> = Vec::new();
        loop {
            tokio::select! {
                biased;
                heard = listening.next(POLL_LISTENING) => match heard? {
                    Heard::Notification(notification) => self.hear(notification.payload()),
                    Heard::Silence => {}
                },
                _ = poll.tick() => {
                    // Everything was forgotten meanwhile, as at another instance of the database.
                    if !self.shared.listening.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                    // Whatever the last poll found must have been heard by now.
                    if seen_before.iter().any(|(name, stand)| self.position(name) < stand.position) {
                        warn!("commits of projectors went unheard, listening anew");
                        return Ok(());
                    }
                    seen_before = timeout(POLL_LISTENING, Stand::read_all(pool)).await.unwrap_or(Ok(Vec::new()))?;
                    self.learn(&seen_before);
                }
            }
        }
    }

    async fn poll_while_deaf(&self, pool: &PgPool) {
        let mut poll = interval(POLL_DEAF);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            poll.tick().await;
            if self.shared.listening.load(Ordering::SeqCst) {
                continue;
            }
            match Stand::read_all(pool).await {
                Ok(found) => {
                    for (name, stand) in found {
                        self.advance(&name, stand.position, None);
                    }
                }
                Err(error) => debug!(
                    error = %Report::new(&error),
                    "could not look at the checkpoints"
                ),
            }
        }
    }

    fn hear(&self, payload: &str) {
        match serde_json::from_str::<Notification>(payload) {
            Ok(Notification {
                name,
                position,
                keys,
                switched,
            }) => {
                if switched {
                    self.switch(&name, position);
                }
                self.advance(&name, position, keys);
            }
            Err(error) => {
                warn!(
                    error = %Report::new(&error),
                    "heard something that isn't a projector"
                );
                self.resync();
            }
        }
    }

    fn advance(&self, name: &str, position: Position, keys: Option<Vec<String>>) {
        // A projection that only another version of this program has does not matter here.
        let Some((name, tracked)) = self.shared.projections.get_key_value(name) else {
            return;
        };
        if position <= tracked.announced.load(Ordering::SeqCst) {
            return;
        }
        tracked.announced.store(position, Ordering::SeqCst);
        if keys.as_ref().is_none_or(|keys| !keys.is_empty())
            && let Some(stand) = &mut *tracked.stand.lock()
        {
            stand.position = position;
        }
        self.tell(Change::Advanced {
            name,
            position,
            keys,
        });
        tracked.published.send_replace(position);
    }

    /// Takes over what was found in the database for projections whose stand is not known. The caller was listening
    /// before it looked: if it looked too early to find an exchange of rows, that exchange is heard of afterwards.
    fn learn(&self, found: &[Found]) {
        for (name, stand) in found {
            if let Some(tracked) = self.shared.projections.get(name.as_str()) {
                let announced = tracked.announced.load(Ordering::SeqCst);
                tracked.stand.lock().get_or_insert(Stand {
                    position: stand.position.max(announced),
                    ..*stand
                });
            }
        }
    }

    /// All rows were exchanged for others: nothing that was read up to this position may be kept.
    fn switch(&self, name: &str, position: Position) {
        if let Some(tracked) = self.shared.projections.get(name) {
            tracked.switched.store(position, Ordering::SeqCst);
            self.resync();
            // After a reset, callers that wait for a position wait until the new rows hold it.
            if position < tracked.announced.load(Ordering::SeqCst) {
                tracked.announced.store(position, Ordering::SeqCst);
                tracked.published.send_replace(position);
            }
        }
    }

    /// Forgets everything until it is looked up again: after a crash of the database a read model can be a little
    /// behind what was heard before, and at another instance of it farther.
    pub fn forget(&self) {
        self.shared.listening.store(false, Ordering::SeqCst);
        for tracked in self.shared.projections.values() {
            tracked.published.send_replace(0);
            tracked.announced.store(0, Ordering::SeqCst);
            tracked.switched.store(0, Ordering::SeqCst);
        }
        self.resync();
    }

    fn resync(&self) {
        for tracked in self.shared.projections.values() {
            *tracked.stand.lock() = None;
        }
        self.tell(Change::Resync);
    }

    fn tell(&self, change: Change) {
        for listener in self.shared.listeners.read().iter() {
            listener(&change);
        }
        // Fails if nobody has subscribed, which is fine.
        let _ = self.shared.changes.send(Arc::new(change));
    }
}

/// A subscription to changes.
pub struct Changes {
    receiver: broadcast::Receiver<Arc<Change>>,
}

impl Changes {
    /// The next change, [`Change::Resync`] if some were missed, `None` when the tracker is gone.
    pub async fn next(&mut self) -> Option<Arc<Change>> {
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Arc::new(Change::Resync)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
