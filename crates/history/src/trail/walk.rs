//! Reads a trail of any length, chunk by chunk.

use std::ops::RangeInclusive;

use daybook_domain::StreamId;
use daybook_log::{Position, ReadEvent};
use daybook_projections::trail::TrailOrder;

use super::{Entry, Narrator, Search, Trail, TrailError};

const CHUNK: usize = 1_000;

/// Goes through the result of a search, or through a stream.
pub struct Walk {
    narrator: Narrator,
    source: Source,
}

enum Source {
    Found {
        search: Search,
        rest: RangeInclusive<Position>,
    },
    Stream {
        trail: Trail,
        stream: StreamId,
        /// The last sequence that was read.
        after: i64,
        through: i64,
    },
}

impl Trail {
    /// A stream's first `through` events, the oldest first.
    pub fn walk_stream(&self, stream: StreamId, through: i64) -> Walk {
        Walk {
            narrator: Narrator::new(self.feed.clone()),
            source: Source::Stream {
                trail: self.clone(),
                stream,
                after: 0,
                through,
            },
        }
    }
}

impl Walk {
    pub(super) fn through(search: Search) -> Walk {
        Walk {
            narrator: Narrator::new(search.trail.feed.clone()),
            source: Source::Found {
                rest: search.all(),
                search,
            },
        }
    }

    /// The next entries; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, TrailError> {
        let (events, order) = self.source.next().await?;
        if events.is_empty() {
            return Ok(None);
        }
        let mut entries = self.narrator.tell(events).await?;
        if order == TrailOrder::NewestFirst {
            entries.reverse();
        }
        Ok(Some(entries))
    }
}

impl Source {
    /// The next events in the order of their positions, and the order in which they are to be shown.
    async fn next(&mut self) -> Result<(Vec<ReadEvent>, TrailOrder), TrailError> {
        match self {
            Source::Found { search, rest } => {
                let order = search.order;
                let found = search.positions(rest.clone(), order, CHUNK).await?;
                if let Some(last) = found.last() {
                    *rest = search.beyond(*last, order);
                }
                Ok((search.trail.feed.read_each_at(&found).await?, order))
            }
            Source::Stream {
                trail,
                stream,
                after,
                through,
            } => {
                let limit = (*through - *after).min(CHUNK as i64);
                let events = trail.feed.read_each_of(*stream, *after, limit).await?;
                *after += events.len() as i64;
                Ok((events, TrailOrder::OldestFirst))
            }
        }
    }
}
