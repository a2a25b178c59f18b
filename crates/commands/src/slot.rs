//! A stream in memory: the state that commands are decided on.
//!
//! A slot holds two states. The *confirmed* one is in the log. The *speculative* one adds the appends
//! that were decided here and wait to be written; the next command is decided on that, without waiting.
//! When one of those appends fails, everything decided on top of it must fail too: the slot's generation
//! counts up, and the writer refuses an append that names an older generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use daybook_database::Standing;
use daybook_domain::{Event, State, StreamId, UserId, Versioned};
use daybook_log::RecordedEvent;
use moka::sync::Cache;
use parking_lot::{Mutex, MutexGuard};

use crate::command::StreamUse;

/// How many events a stream may have after its last snapshot before the next is due.
pub(crate) const EVENTS_BETWEEN_SNAPSHOTS: i64 = 1000;

pub(crate) struct Slot {
    pub(crate) stream: StreamId,
    /// The epoch in which it was read: in another one nothing is decided on it.
    pub(crate) epoch: u64,
    generation: AtomicU64,
    /// The version of the last snapshot that was kept or found.
    snapshot: AtomicI64,
    states: Mutex<States>,
}

pub(crate) struct States {
    /// Whether the confirmed state is as new as this process knows. If not, its tail must be loaded
    /// before anything is decided.
    pub(crate) current: bool,
    /// The writer is deciding on this slot under the log's lock; nobody else may until it is done.
    pub(crate) frozen: bool,
    confirmed: Versioned<State>,
    pub(crate) speculative: Versioned<State>,
}

/// How far a slot can still be trusted after something that was decided on it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Confirmed,
    /// The stream has grown through another process.
    ConfirmedUpToItsTail,
    /// Nobody knows what is in the log.
    Nothing,
}

impl States {
    /// Applies each event once, whoever brings it.
    fn confirm(&mut self, sequence: i64, event: &Event, occurred_at: DateTime<Utc>) {
        if sequence == self.confirmed.version + 1 {
            self.confirmed.apply(event, occurred_at);
        }
    }
}

impl Slot {
    fn new(stream: StreamId, epoch: u64, current: bool) -> Slot {
        let nothing = Versioned::empty(stream.aggregate_type);
        let states = States {
            current,
            frozen: false,
            confirmed: nothing.clone(),
            speculative: nothing,
        };
        Slot {
            stream,
            epoch,
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

    /// The confirmed state, if it is known.
    pub(crate) fn confirmed(&self) -> Option<Versioned<State>> {
        let states = self.lock();
        (states.confirmed.version > 0).then(|| states.confirmed.clone())
    }

    pub(crate) fn confirmed_version(&self) -> i64 {
        self.lock().confirmed.version
    }

    /// How many events the stream has after its last snapshot.
    pub(crate) fn beyond_snapshot(&self, version: i64) -> i64 {
        version - self.snapshot.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot_kept(&self, version: i64) {
        self.snapshot.fetch_max(version, Ordering::Relaxed);
    }

    /// An append was written: its events, each with its sequence, are confirmed. Returns the confirmed
    /// version.
    pub(crate) fn confirm<'e>(
        &self,
        events: impl Iterator<Item = (i64, &'e Event)>,
        occurred_at: DateTime<Utc>,
    ) -> i64 {
        let mut states = self.lock();
        for (sequence, event) in events {
            states.confirm(sequence, event, occurred_at);
        }
        states.confirmed.version
    }

    /// An append that this slot's speculative state depends on has failed: whatever was decided on top of
    /// it is void.
    pub(crate) fn void(&self, trust: Trust) {
        let mut states = self.lock();
        match trust {
            Trust::Confirmed => {}
            Trust::ConfirmedUpToItsTail => states.current = false,
            Trust::Nothing => {
                states.current = false;
                states.confirmed = Versioned::empty(self.stream.aggregate_type);
            }
        }
        states.speculative = states.confirmed.clone();
        // Under the lock, so that no decision names the new generation with the old state.
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn speaks_of(&self, person: UserId) -> bool {
        if self.stream == StreamId::user(person) {
            return true;
        }
        let states = self.lock();
        [&states.confirmed, &states.speculative]
            .into_iter()
            .filter_map(|versioned| versioned.state.as_order())
            .any(|order| order.user_id == Some(person))
    }

    /// Takes over what was loaded, unless the slot has become current in the meantime.
    pub(crate) fn loaded(&self, state: Versioned<State>) {
        let mut states = self.lock();
        if states.current {
            return;
        }
        if states.confirmed.version == 0 {
            // If there was a snapshot, loading began at it; otherwise the stream was short enough without
            // one.
            self.snapshot_kept(state.version - state.version % EVENTS_BETWEEN_SNAPSHOTS);
        }
        if state.version >= states.confirmed.version {
            states.confirmed = state;
        }
        states.speculative = states.confirmed.clone();
        states.current = true;
    }

    /// Applies the stream's tail, read under the log's lock, and keeps everyone but the writer from
    /// deciding until [`Slot::thaw`]. A loader may have applied a part of the tail meanwhile.
    pub(crate) fn freeze(&self, tail: &[RecordedEvent]) {
        let mut states = self.lock();
        for recorded in tail {
            states.confirm(recorded.sequence, &recorded.event, recorded.occurred_at);
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

/// The slots of the streams in use. Evicting one while it is in use does no harm: two slots of one stream
/// only make their commands conflict, which the database notices. Slots of an earlier epoch are not found.
#[derive(Clone)]
pub(crate) struct Slots {
    cache: Cache<(u64, StreamId), Arc<Slot>>,
    standing: Standing,
}

impl Slots {
    pub(crate) fn new(capacity: u64, standing: Standing) -> Slots {
        Slots {
            cache: Cache::new(capacity),
            standing,
        }
    }

    pub(crate) fn slot(&self, stream_use: StreamUse) -> Arc<Slot> {
        let (stream, epoch) = (stream_use.stream(), self.standing.epoch());
        let is_current = matches!(stream_use, StreamUse::Fresh(_));
        self.cache.get_with((epoch, stream), || {
            Arc::new(Slot::new(stream, epoch, is_current))
        })
    }

    /// Drops what is known of the streams that hold a person's data; the log says what is left of it.
    pub(crate) fn forget(&self, person: UserId) {
        for (_, slot) in &self.cache {
            if slot.speaks_of(person) {
                slot.void(Trust::Nothing);
            }
        }
    }

    /// The slot, if the stream is in use.
    pub(crate) fn find(&self, stream: StreamId) -> Option<Arc<Slot>> {
        self.cache.get(&(self.standing.epoch(), stream))
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::stock::StockEvent;
    use daybook_log::{Actor, Metadata};
    use uuid::Uuid;

    use super::*;

    fn received(stream: StreamId, sequence: i64) -> RecordedEvent {
        RecordedEvent {
            position: sequence,
            stream,
            sequence,
            event_id: Uuid::now_v7(),
            event: StockEvent::Received {
                quantity: 1,
                reason: None,
            }
            .into(),
            metadata: Metadata::of(Actor::Anonymous, Uuid::now_v7()),
            occurred_at: Utc::now(),
            recorded_at: Utc::now(),
        }
    }

    #[test]
    fn a_tail_that_a_loader_has_taken_in_already_is_not_applied_twice() {
        let stream = StreamId::stock(Uuid::now_v7().into());
        let slot = Slot::new(stream, 0, false);
        let tail: Vec<RecordedEvent> = (1..=3).map(|sequence| received(stream, sequence)).collect();
        let mut loaded = Versioned::empty(stream.aggregate_type);
        for recorded in &tail[..2] {
            loaded.apply(&recorded.event, recorded.occurred_at);
        }
        slot.loaded(loaded);
        slot.freeze(&tail);
        assert_eq!(slot.confirmed_version(), 3);
        assert_eq!(slot.lock().speculative.version, 3);
    }

    #[test]
    fn what_fails_voids_what_was_decided_on_top_and_nothing_that_is_in_the_log() {
        let stream = StreamId::stock(Uuid::now_v7().into());
        let slot = Slot::new(stream, 0, true);
        let first = received(stream, 1);
        for _ in 0..2 {
            slot.lock()
                .speculative
                .apply(&first.event, first.occurred_at);
        }
        slot.confirm([(1, &first.event)].into_iter(), first.occurred_at);
        let generation = slot.generation();
        slot.void(Trust::Confirmed);
        assert_eq!(slot.lock().speculative.version, 1);
        assert_ne!(slot.generation(), generation);
        assert!(slot.is_current());
        slot.void(Trust::ConfirmedUpToItsTail);
        assert!(!slot.is_current());
        assert_eq!(slot.confirmed_version(), 1);
        slot.void(Trust::Nothing);
        assert_eq!(slot.confirmed_version(), 0);
    }
}
