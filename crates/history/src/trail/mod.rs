//! The audit trail, for people: the log's events with who caused them, why, and a sentence each.
//!
//! The read model `trail` (or the stream that is read) tells which events are meant; their content comes from the log,
//! so that nothing shown here can differ from it. Everything is read in chunks: a trail of any length takes the memory
//! of one chunk.

mod criteria;
mod entry;
mod narrator;
mod request;
mod search;
mod unknown;
mod walk;

use daybook_log::{Feed, LogError, Position, ReadEvent};
use daybook_projections::QueryError;
use daybook_projections::trail::TrailQueries;

pub use self::criteria::{Criteria, event_type};
pub use self::entry::{CauseKind, Entry};
pub use self::narrator::Narrator;
pub use self::request::{MOST_EVENTS, RequestTree};
pub use self::search::{PageStart, Search, SearchPage};
pub use self::walk::Walk;

/// Where trails are read.
#[derive(Clone)]
pub struct Trail {
    feed: Feed,
    queries: TrailQueries,
}

/// Why a trail could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the trail could not be searched")]
    Query(#[from] QueryError),
    #[error("the event at position {position} cannot be shown")]
    Unshowable {
        position: Position,
        source: serde_json::Error,
    },
}

impl TrailError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            TrailError::Log(error) => error.remedy(),
            TrailError::Query(error) => error.remedy(),
            TrailError::Unshowable { .. } => "this is a fault of Daybook's own; report it",
        }
    }
}

impl Trail {
    pub fn new(feed: Feed, queries: TrailQueries) -> Trail {
        Trail { feed, queries }
    }

    /// The entry at a position, if the log has reached it.
    pub async fn at(&self, position: Position) -> Result<Option<Entry>, TrailError> {
        let events = self.feed.read_each_at(&[position]).await?;
        Ok(self.entries(events).await?.pop())
    }

    /// The entries of these events, which must be in the order of their positions.
    pub async fn entries(&self, events: Vec<ReadEvent>) -> Result<Vec<Entry>, TrailError> {
        Narrator::new(self.feed.clone()).tell(events).await
    }
}
