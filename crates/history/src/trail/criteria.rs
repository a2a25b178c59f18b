//! The criteria of a search of the trail, and the filter that is made from them.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{AggregateType, EventType};
use daybook_log::{Actor, Position};
use daybook_projections::trail::TrailFilter;
use uuid::Uuid;

use super::{Trail, TrailError};

/// An event must match every criterion that is given.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    pub actor: Option<Actor>,
    pub stream_type: Option<AggregateType>,
    /// Any of these types; empty means any type at all.
    pub types: Vec<EventType>,
    pub correlation_id: Option<Uuid>,
    /// Recorded at or after.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before.
    pub to: Option<DateTime<Utc>>,
    /// The first position to include.
    pub from_position: Option<Position>,
    /// The last position to include.
    pub to_position: Option<Position>,
}

impl Criteria {
    fn types(&self) -> Option<Vec<EventType>> {
        let of_stream = self.stream_type.map(AggregateType::event_types);
        match (of_stream, self.types.is_empty()) {
            (None, true) => None,
            (None, false) => Some(self.types.clone()),
            (Some(all), true) => Some(all.to_vec()),
            (Some(all), false) => {
                let mut types = self.types.clone();
                types.retain(|of| all.contains(of));
                Some(types)
            }
        }
    }
}

impl Trail {
    /// Makes the filter, between positions that the log has by now. A period of time is a range of positions: from the
    /// first event that was recorded in it to the last. If the database's clock stepped back, others may lie between.
    pub(super) async fn filter(&self, criteria: &Criteria) -> Result<TrailFilter, TrailError> {
        let mut from = criteria.from_position.unwrap_or(1).max(1);
        let mut through = self.feed.head().await?;
        if let Some(last) = criteria.to_position {
            through = through.min(last);
        }
        if let Some(at) = criteria.from {
            from = from.max(self.feed.position_since(at).await?);
        }
        if let Some(at) = criteria.to {
            through = through.min(self.last_before(at).await?);
        }
        Ok(TrailFilter {
            actor: criteria.actor.clone(),
            types: criteria.types(),
            correlation_id: criteria.correlation_id,
            from,
            through,
        })
    }

    /// The last position that was recorded before an instant. PostgreSQL stores microseconds.
    async fn last_before(&self, instant: DateTime<Utc>) -> Result<Position, TrailError> {
        let before = instant - TimeDelta::microseconds(1);
        Ok(self.feed.position_at(before).await?)
    }
}

/// The event type with this name.
pub fn event_type(name: &str) -> Option<EventType> {
    let mut types = AggregateType::ALL.iter().flat_map(|of| of.event_types());
    types.find(|of| of.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stream_type: Option<AggregateType>, types: &[&str]) -> Option<Vec<&'static str>> {
        let criteria = Criteria {
            stream_type,
            types: types.iter().filter_map(|name| event_type(name)).collect(),
            ..Criteria::default()
        };
        let types = criteria.types()?;
        Some(types.iter().map(|of| of.name).collect())
    }

    #[test]
    fn types_are_those_that_fit_the_stream_too() {
        assert_eq!(names(None, &[]), None);
        assert_eq!(
            names(None, &["order.placed", "user.erased"]),
            Some(vec!["order.placed", "user.erased"])
        );
        assert_eq!(
            names(Some(AggregateType::Category), &[]),
            Some(vec![
                "category.created",
                "category.changed",
                "category.deleted"
            ])
        );
        assert_eq!(
            names(Some(AggregateType::User), &["order.placed", "user.erased"]),
            Some(vec!["user.erased"])
        );
        assert_eq!(
            names(Some(AggregateType::User), &["order.placed"]),
            Some(vec![])
        );
    }
}
