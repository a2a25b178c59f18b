//! Everything that one request set off, as a tree: what it led to, and what that led to.

use std::collections::HashMap;

use daybook_log::{Means, Position};
use daybook_projections::trail::{TrailFilter, TrailOrder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entry::MeansName;
use super::{Entry, Trail, TrailError};
use crate::timestamp::Timestamp;

/// A tree has no more events than this, the first ones; a search goes through all.
pub(crate) const MOST_EVENTS: usize = 1_000;

/// What would stand deeper stands beside what it followed from.
const DEEPEST: usize = 64;

/// A request and what it set off.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestTree {
    correlation_id: Uuid,
    request_id: Option<String>,
    /// Whose request it was, as its first event has it.
    actor: String,
    #[schema(inline, value_type = MeansName)]
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
    pub(crate) async fn correlated(&self, id: Uuid) -> Result<Vec<Position>, TrailError> {
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
    /// Of a correlation's events, in the order of their positions. `None` without any.
    pub(crate) fn of(entries: Vec<Entry>, is_complete: bool) -> Option<RequestTree> {
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

/// The index of the event that led to each, where it is among those before it.
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
