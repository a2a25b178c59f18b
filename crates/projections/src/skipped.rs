//! Events that a projection passes over because an operator said so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daybook_domain::StreamId;
use daybook_log::{Poison, Position, RecordedEvent};
use sqlx::PgConnection;

use crate::projection::Projection;

/// One projection's dead letters. Its live read model and every build pass over the same events.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    positions: BTreeMap<Position, (String, i64)>,
    /// By stream, in its text form: a dead letter may be of an aggregate that this binary doesn't know.
    sequences: HashMap<String, BTreeSet<i64>>,
}

impl Skipped {
    pub async fn load(conn: &mut PgConnection, projection: &str) -> Result<Skipped, sqlx::Error> {
        let rows: Vec<(Position, String, i64)> = sqlx::query_as(
            "select position, stream, sequence from projections.dead_letters where name = $1",
        )
        .bind(projection)
        .fetch_all(conn)
        .await?;
        let mut skipped = Skipped::default();
        for (position, stream, sequence) in rows {
            skipped.insert(position, stream, sequence);
        }
        Ok(skipped)
    }

    pub fn insert(&mut self, position: Position, stream: String, sequence: i64) {
        self.positions.insert(position, (stream.clone(), sequence));
        self.sequences.entry(stream).or_default().insert(sequence);
    }

    /// Whether an event that cannot be decoded is passed over: it was skipped, or its stream's first
    /// event was.
    pub fn passes_over(&self, poison: &Poison) -> bool {
        self.contains(poison.position) || self.drops(&poison.stream)
    }

    /// Whether the event at this position itself was skipped.
    fn contains(&self, position: Position) -> bool {
        self.positions.contains_key(&position)
    }

    /// Whether the stream's first event was skipped, so that all of the stream is passed over.
    fn drops(&self, stream: &str) -> bool {
        let skipped = self.sequences.get(stream);
        skipped.is_some_and(|skipped| skipped.contains(&1))
    }

    /// The positions of those events that the projection would fold if their streams' first events
    /// had not been skipped.
    pub(crate) fn passed_over(
        &self,
        projection: &dyn Projection,
        events: &[RecordedEvent],
    ) -> Vec<Position> {
        if self.sequences.is_empty() {
            return Vec::new();
        }
        events
            .iter()
            .filter(|event| self.follows(event.stream, event.sequence).is_none())
            .filter(|event| !self.contains(event.position))
            .filter(|event| projection.key(event).is_some())
            .map(|event| event.position)
            .collect()
    }

    /// Whether rows up to `position` that were made with these skips hold an event that is among `later`.
    pub(crate) fn has_folded(&self, later: &Skipped, position: Position) -> bool {
        later
            .positions
            .range(..=position)
            .filter(|(position, _)| !self.contains(**position))
            .any(|(_, (stream, _))| !self.drops(stream))
    }

    /// The sequence of the last event of the stream that is folded before this one, 0 before the first.
    /// `None` if this one is passed over: it was skipped, or the stream's first event was.
    pub fn follows(&self, stream: StreamId, sequence: i64) -> Option<i64> {
        if self.sequences.is_empty() {
            return Some(sequence - 1);
        }
        let Some(skipped) = self.sequences.get(&stream.to_string()) else {
            return Some(sequence - 1);
        };
        if skipped.contains(&1) || skipped.contains(&sequence) {
            return None;
        }
        (1..sequence)
            .rev()
            .find(|before| !skipped.contains(before))
            .or(Some(0))
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::ProductId;
    use uuid::Uuid;

    use super::*;

    fn stream(number: u128) -> StreamId {
        StreamId::product(ProductId::from(Uuid::from_u128(number)))
    }

    #[test]
    fn an_event_follows_the_last_that_was_not_skipped() {
        let mut skipped = Skipped::default();
        skipped.insert(7, stream(1).to_string(), 3);
        skipped.insert(8, stream(1).to_string(), 4);
        let follows = |sequence| skipped.follows(stream(1), sequence);
        assert_eq!(
            [1, 2, 3, 4, 5, 6].map(follows),
            [Some(0), Some(1), None, None, Some(2), Some(5)]
        );
        assert_eq!(skipped.follows(stream(2), 3), Some(2));
        let poison = |position, stream: StreamId| Poison {
            position,
            stream: stream.to_string(),
            event_type: String::new(),
            error: String::new(),
        };
        assert!(skipped.passes_over(&poison(7, stream(1))));
        assert!(!skipped.passes_over(&poison(6, stream(1))));
    }

    #[test]
    fn nothing_follows_a_skipped_first_event() {
        let mut skipped = Skipped::default();
        skipped.insert(7, stream(1).to_string(), 1);
        assert_eq!(skipped.follows(stream(1), 1), None);
        assert_eq!(skipped.follows(stream(1), 9), None);
        let mut later = skipped.clone();
        later.insert(9, stream(1).to_string(), 2);
        assert!(!skipped.has_folded(&later, 20));
        later.insert(12, stream(2).to_string(), 2);
        assert!(!skipped.has_folded(&later, 11));
        assert!(skipped.has_folded(&later, 12));
    }
}
