//! Everything that one request caused, as a tree: the events that it led to, and the events that those led to.

use std::collections::HashMap;

use daybook_contract::Timestamp;
use daybook_log::{Means, Position};
use daybook_projections::trail::{TrailFilter, TrailOrder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::MeansName;
use super::{Entry, Trail, TrailError};

/// A tree has at most this many events, the first ones; a search goes through all of them.
pub const MOST_EVENTS: usize = 1_000;

/// An event that would be deeper stands beside the event that it followed from.
const DEEPEST: usize = 64;

/// A request and what it set off.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestTree {
    correlation_id: Uuid,
    request_id: Option<String>,
    /// Whose request it was, as its first event has it.
    actor: String,
    #[schema(value_type = MeansName)]
    means: Means,
    /// When its first event was recorded.
    at: Timestamp,
    /// How many events the tree has.
    events: usize,
    /// Whether these are all that the caller may see. There are no more than 1,000 here; `GET /audit/events` with the
    /// `correlationId` finds all.
    is_complete: bool,
    effects: Vec<Effect>,
}

/// An event and what it led to, each in the order of the positions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effect {
    event: Entry,
    #[schema(no_recursion)]
    effects: Vec<Effect>,
}

impl Trail {
    /// The events of a correlation, the oldest first: as many as a tree has, and one more if there are more.
    pub async fn correlated(&self, id: Uuid) -> Result<Vec<Position>, TrailError> {
        let filter = TrailFilter {
            actor: None,
            types: None,
            correlation_id: Some(id),
            from: 1,
            through: Position::MAX,
        };
        let limit = MOST_EVENTS as i64 + 1;
        let queries = &self.queries;
        Ok(queries
            .find(&filter, TrailOrder::OldestFirst, limit)
            .await?)
    }
}

impl RequestTree {
    /// Makes the tree of a correlation's events, which must be in the order of their positions. `None` if there are
    /// none.
    pub fn of(entries: Vec<Entry>, is_complete: bool) -> Option<RequestTree> {
        let first = entries.first()?;
        Some(RequestTree {
            correlation_id: first.correlation_id,
            request_id: first.request_id.clone(),
            actor: first.actor.clone(),
            means: first.means,
            at: first.recorded_at,
            events: entries.len(),
            is_complete,
            effects: grow(entries),
        })
    }
}

fn grow(entries: Vec<Entry>) -> Vec<Effect> {
    let parents = parents(&entries);
    let mut effects: Vec<Vec<Effect>> = entries.iter().map(|_| Vec::new()).collect();
    let mut roots = Vec::new();
    // From the last to the first: an event comes after the one that led to it.
    for (event, parent) in entries.into_iter().zip(parents).rev() {
        let mut own = effects.pop().unwrap_or_default();
        own.reverse();
        let effect = Effect {
            event,
            effects: own,
        };
        match parent.and_then(|parent| effects.get_mut(parent)) {
            Some(siblings) => siblings.push(effect),
            None => roots.push(effect),
        }
    }
    roots.reverse();
    roots
}

/// For each entry the index of the event that led to it, if that is among those before it.
fn parents(entries: &[Entry]) -> Vec<Option<usize>> {
    let mut indices = HashMap::new();
    let mut parents: Vec<Option<usize>> = Vec::with_capacity(entries.len());
    let mut depths: Vec<usize> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let cause = entry.causation_id.and_then(|id| indices.get(&id).copied());
        let parent = match cause {
            Some(cause) if depths[cause] >= DEEPEST => parents[cause],
            cause => cause,
        };
        depths.push(parent.map_or(1, |parent| depths[parent] + 1));
        parents.push(parent);
        indices.insert(entry.event_id, index);
    }
    parents
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daybook_domain::stock::StockEvent;
    use daybook_domain::{State, StreamId};
    use daybook_log::{Actor, Metadata, RecordedEvent};
    use serde_json::{Value, json};

    use super::*;

    /// An event at `position` that the event at `cause` led to; 0 is a position outside of this correlation.
    fn entry(position: i64, cause: Option<i64>) -> Entry {
        let id = |number: i64| Uuid::from_u128(number as u128);
        let stream = StreamId::stock(id(1).into());
        let event = StockEvent::Received {
            quantity: 1,
            reason: None,
        };
        let recorded = RecordedEvent {
            position,
            stream,
            sequence: position,
            event_id: id(position),
            event: event.into(),
            metadata: Metadata {
                causation_id: cause.map(id),
                ..Metadata::of(Actor::Anonymous, id(100))
            },
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
        };
        Entry::of(recorded, &State::empty(stream.aggregate_type)).unwrap()
    }

    /// `[[position, [effects]], …]`
    fn shape(effects: &[Effect]) -> Value {
        let shapes = effects
            .iter()
            .map(|effect| json!([effect.event.position, shape(&effect.effects)]));
        shapes.collect()
    }

    #[test]
    fn an_event_stands_under_the_one_that_led_to_it() {
        let causes = [
            (1, None),
            (2, None),
            (3, Some(1)),
            (4, Some(3)),
            (5, Some(2)),
            (6, Some(1)),
            // An event that comes later, or does not exist, cannot be the cause here.
            (7, Some(8)),
            (8, Some(0)),
        ];
        let entries = causes.map(|(position, cause)| entry(position, cause));
        let tree = RequestTree::of(entries.into(), true).unwrap();
        assert_eq!(
            shape(&tree.effects),
            json!([
                [1, [[3, [[4, []]]], [6, []]]],
                [2, [[5, []]]],
                [7, []],
                [8, []]
            ])
        );
        assert_eq!(
            (tree.events, tree.correlation_id),
            (8, Uuid::from_u128(100))
        );
        assert!(RequestTree::of(Vec::new(), true).is_none());
    }

    #[test]
    fn a_long_chain_does_not_grow_without_end() {
        let chain =
            (1..=1_000).map(|position| entry(position, (position > 1).then(|| position - 1)));
        let effects = grow(chain.collect());
        let mut depth = 0;
        let mut level = &effects;
        while let Some(first) = level.first() {
            depth += 1;
            level = &first.effects;
        }
        assert_eq!(depth, DEEPEST);
        assert_eq!(
            shape(&effects).to_string().matches("[]").count(),
            1_000 - DEEPEST + 1
        );
    }
}
