//! A stream in memory: what commands are decided on.
//!
//! A slot holds two states. The *confirmed* one is in the log. The *speculative* one has the appends
//! on top that were decided here and wait to be written; the next command is decided on that, without
//! waiting. When one of those appends fails, everything decided on top of it must fail too: the slot's
//! generation counts up, and an append that names an older generation is refused by the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use daybook_domain::{Event, State, StreamId, Versioned};
use moka::sync::Cache;
use parking_lot::{Mutex, MutexGuard};

use crate::command::StreamUse;

/// How many events a stream may have beyond its last snapshot before another is due.
pub(crate) const EVENTS_BETWEEN_SNAPSHOTS: i64 = 1000;

pub(crate) struct Slot {
    pub(crate) stream: StreamId,
    generation: AtomicU64,
    /// The version of the last snapshot that was kept or found.
    snapshot: AtomicI64,
    states: Mutex<States>,
}

pub(crate) struct States {
    /// Whether the confirmed state is as new as anyone here knows. If not, its tail must be loaded
    /// before anything is decided.
    pub(crate) current: bool,
    /// The writer is deciding on this slot under the log's lock; nobody else may until it is done.
    pub(crate) frozen: bool,
    confirmed: Versioned<State>,
    pub(crate) speculative: Versioned<State>,
}

impl Slot {
    fn new(stream: StreamId, current: bool) -> Slot {
        let nothing = Versioned::empty(stream.aggregate_type);
        let states = States {
            current,
            frozen: false,
            confirmed: nothing.clone(),
            speculative: nothing,
        };
        Slot {
            stream,
            generation: AtomicU64::new(0),
            snapshot: AtomicI64::new(0),
            states: Mutex::new(states),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn is_current(&self) -> bool {
        self.lock().current
    }

    /// The confirmed state, where there is one.
    pub(crate) fn confirmed(&self) -> Option<Versioned<State>> {
        let states = self.lock();
        (states.confirmed.version > 0).then(|| states.confirmed.clone())
    }

    pub(crate) fn confirmed_version(&self) -> i64 {
        self.lock().confirmed.version
    }

    /// How many events the stream has beyond its last snapshot.
    pub(crate) fn beyond_snapshot(&self, version: i64) -> i64 {
        version - self.snapshot.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot_kept(&self, version: i64) {
        self.snapshot.fetch_max(version, Ordering::Relaxed);
    }

    /// An append was written: its events are confirmed. Answers the confirmed version.
    pub(crate) fn confirm<'e>(
        &self,
        events: impl Iterator<Item = &'e Event>,
        occurred_at: DateTime<Utc>,
    ) -> i64 {
        let mut states = self.lock();
        for event in events {
            states.confirmed.apply(event, occurred_at);
        }
        states.confirmed.version
    }

    /// An append that this slot's speculative state rests on has failed: what was decided on top of it
    /// is void. `stale` says that the stream has grown elsewhere.
    pub(crate) fn void(&self, stale: bool) {
        let mut states = self.lock();
        states.speculative = states.confirmed.clone();
        states.current &= !stale;
        // Under the lock, so that no decision names the new generation with the old state.
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes in what was loaded, unless the slot has become current in the meantime.
    pub(crate) fn loaded(&self, state: Versioned<State>) {
        let mut states = self.lock();
        if states.current {
            return;
        }
        if states.confirmed.version == 0 {
            // Loading began at the last snapshot, if there was one, or it was short enough without.
            self.snapshot_kept(state.version - state.version % EVENTS_BETWEEN_SNAPSHOTS);
        }
        if state.version >= states.confirmed.version {
            states.confirmed = state;
        }
        states.speculative = states.confirmed.clone();
        states.current = true;
    }

    /// Moves on by events that another process appended, read under the log's lock, and keeps everyone
    /// but the writer from deciding until [`Slot::thaw`].
    pub(crate) fn freeze<'e>(&self, tail: impl Iterator<Item = (&'e Event, DateTime<Utc>)>) {
        let mut states = self.lock();
        for (event, occurred_at) in tail {
            states.confirmed.apply(event, occurred_at);
        }
        states.speculative = states.confirmed.clone();
        states.current = true;
        states.frozen = true;
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn thaw(&self) {
        self.lock().frozen = false;
    }
}

/// The slots of the streams in use. One that is evicted while in use does no harm: two slots of one
/// stream only make their commands conflict, which the database notices.
#[derive(Clone)]
pub(crate) struct Slots(Cache<StreamId, Arc<Slot>>);

impl Slots {
    pub(crate) fn new(capacity: u64) -> Slots {
        Slots(Cache::new(capacity))
    }

    pub(crate) fn slot(&self, stream_use: StreamUse) -> Arc<Slot> {
        let stream = stream_use.stream();
        match stream_use {
            StreamUse::Existing(_) => self
                .0
                .get_with(stream, || Arc::new(Slot::new(stream, false))),
            StreamUse::Fresh(_) => self
                .0
                .get_with(stream, || Arc::new(Slot::new(stream, true))),
        }
    }

    /// The slot, if the stream is in use.
    pub(crate) fn find(&self, stream: StreamId) -> Option<Arc<Slot>> {
        self.0.get(&stream)
    }
}
