//! Makes entries of events. A sentence that mentions the value before takes the state of the event's stream at that
//! time. That state is computed here, once for a stream and chunk, starting from the states of the chunk before.
//!
//! Only the streams of products, categories and people have events that mention the value before, and these streams are
//! short. Orders and stocks are long, and their sentences need no state.
//!
//! An event that this binary does not know is told as such; a state after it is what the known events lead to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daybook_domain::{State, StreamId, Versioned};
use daybook_log::{Feed, LogError, ReadEvent, RecordedEvent, StreamRange};

use super::{Entry, TrailError};

/// How many events are loaded at once to compute states.
const LOADED: i64 = 2_000;

/// How many states are kept from one chunk to the next, at most.
const KEPT: usize = 5_000;

pub struct Narrator {
    feed: Feed,
    known: HashMap<StreamId, Versioned<State>>,
}

/// The states at the versions that sentences ask for.
type Past = HashMap<(StreamId, i64), State>;

impl Narrator {
    pub fn new(feed: Feed) -> Narrator {
        Narrator {
            feed,
            known: HashMap::new(),
        }
    }

    /// The entries of these events, which must be in the order of their positions.
    pub async fn tell(&mut self, events: Vec<ReadEvent>) -> Result<Vec<Entry>, TrailError> {
        let past = self.past_of(&events).await?;
        let entry = |event: RecordedEvent| {
            let before = past.get(&(event.stream, event.sequence - 1));
            match before {
                Some(before) => Entry::of(event, before),
                None => {
                    let empty = State::empty(event.stream.aggregate_type);
                    Entry::of(event, &empty)
                }
            }
        };
        events
            .into_iter()
            .map(|event| match event {
                ReadEvent::Known(event) => entry(event),
                ReadEvent::Unknown(event) => Entry::of_unknown(event),
            })
            .collect()
    }

    async fn past_of(&mut self, events: &[ReadEvent]) -> Result<Past, LogError> {
        let mut wanted: BTreeMap<StreamId, BTreeSet<i64>> = BTreeMap::new();
        for event in events {
            let ReadEvent::Known(event) = event else {
                continue;
            };
            if event.event.tells_what_was_before() && event.sequence > 1 {
                let versions = wanted.entry(event.stream).or_default();
                versions.insert(event.sequence - 1);
            }
        }
        let mut past = Past::new();
        if wanted.is_empty() {
            return Ok(past);
        }
        if self.known.len() > KEPT {
            self.known.clear();
        }
        let mut missing = Vec::new();
        for (stream, versions) in &wanted {
            missing.extend(self.begin(*stream, versions, &mut past));
        }
        for stretches in in_portions(&missing) {
            for event in self.feed.read_each_of_ranges(&stretches).await? {
                self.apply(&event, &wanted, &mut past);
            }
        }
        Ok(past)
    }

    /// Starts from the known state of a stream, if that is not too late; returns the range of events to load.
    fn begin(
        &mut self,
        stream: StreamId,
        versions: &BTreeSet<i64>,
        past: &mut Past,
    ) -> Option<StreamRange> {
        let (first, last) = (*versions.first()?, *versions.last()?);
        let empty = || Versioned::empty(stream.aggregate_type);
        let state = self.known.entry(stream).or_insert_with(empty);
        if state.version > first {
            *state = empty();
        }
        if versions.contains(&state.version) {
            past.insert((stream, state.version), state.state.clone());
        }
        let stretch = StreamRange {
            stream,
            after: state.version,
            through: last,
        };
        (stretch.length() > 0).then_some(stretch)
    }

    fn apply(
        &mut self,
        event: &ReadEvent,
        wanted: &BTreeMap<StreamId, BTreeSet<i64>>,
        past: &mut Past,
    ) {
        let Some(stream) = event.stream() else {
            return;
        };
        let Some(state) = self.known.get_mut(&stream) else {
            return;
        };
        match event {
            ReadEvent::Known(event) => state.apply(&event.event, event.occurred_at),
            ReadEvent::Unknown(_) => state.version += 1,
        }
        let versions = wanted.get(&stream);
        if versions.is_some_and(|versions| versions.contains(&state.version)) {
            past.insert((stream, state.version), state.state.clone());
        }
    }
}

/// Cuts ranges up so that none of the portions, in order, has more events than are loaded at once.
fn in_portions(stretches: &[StreamRange]) -> Vec<Vec<StreamRange>> {
    let mut portions = vec![Vec::new()];
    let mut room = LOADED;
    for stretch in stretches {
        let mut rest = *stretch;
        while rest.length() > 0 {
            let through = rest.through.min(rest.after + room);
            let part = StreamRange { through, ..rest };
            room -= part.length();
            rest.after = through;
            if let Some(portion) = portions.last_mut() {
                portion.push(part);
            }
            if room == 0 {
                portions.push(Vec::new());
                room = LOADED;
            }
        }
    }
    portions.retain(|portion| !portion.is_empty());
    portions
}

#[cfg(test)]
mod tests {
    use daybook_domain::AggregateType;
    use uuid::Uuid;

    use super::*;

    fn stretch(id: u128, after: i64, through: i64) -> StreamRange {
        StreamRange {
            stream: StreamId::new(AggregateType::Product, Uuid::from_u128(id)),
            after,
            through,
        }
    }

    #[test]
    fn a_long_stretch_is_loaded_piece_by_piece() {
        let cut = in_portions(&[stretch(1, 3, 10), stretch(2, 0, 4_500), stretch(3, 0, 1)]);
        assert_eq!(
            cut,
            [
                vec![stretch(1, 3, 10), stretch(2, 0, 1_993)],
                vec![stretch(2, 1_993, 3_993)],
                vec![stretch(2, 3_993, 4_500), stretch(3, 0, 1)],
            ]
        );
        assert!(in_portions(&[]).is_empty());
        assert_eq!(in_portions(&[stretch(1, 0, LOADED)]).len(), 1);
    }
}
