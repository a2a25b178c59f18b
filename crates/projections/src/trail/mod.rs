//! Where events are in the log, by who acted, by type, and by the request that caused them.
//!
//! It has a row for each event, and returns positions: the events themselves are in the log.

mod code;
mod project;
mod query;

use daybook_domain::EventType;
use daybook_log::{Actor, Position};
use uuid::Uuid;

pub use self::{
    project::{NAME, Trail},
    query::TrailQueries,
};

/// Which events to find: those that match all given conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct TrailFilter {
    pub actor: Option<Actor>,
    /// Any of these types; `None`: of all types.
    pub types: Option<Vec<EventType>>,
    pub correlation_id: Option<Uuid>,
    /// The first position.
    pub from: Position,
    /// The last position.
    pub through: Position,
}

impl TrailFilter {
    /// Whether the filter excludes nothing between the two positions.
    pub fn takes_all(&self) -> bool {
        self.actor.is_none() && self.types.is_none() && self.correlation_id.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailOrder {
    OldestFirst,
    NewestFirst,
}
