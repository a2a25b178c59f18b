//! A search of the trail: its events page by page, or all of them chunk by chunk.

use std::ops::RangeInclusive;

use daybook_domain::StreamId;
use daybook_log::{Position, StreamFilter};
use daybook_projections::trail::{TrailFilter, TrailOrder};

use super::criteria::Criteria;
use super::{Entry, Trail, TrailError, Walk};

/// Counting stops at this number.
pub(crate) const MOST_COUNTED: i64 = 10_000;

/// The result of a search. It keeps to the log as it was when the search was made: later events are not in it.
pub struct Search {
    pub(super) trail: Trail,
    filter: TrailFilter,
    pub(super) order: TrailOrder,
    source: Source,
}

enum Source {
    /// Every event between the filter's positions. Positions have no gaps, so nothing has to be looked up.
    Log,
    Index,
    /// So few events that their positions are listed here.
    Listed(Vec<Position>),
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    First,
    /// The page follows the event at this position.
    After(Position),
    /// The page comes before the event at this position.
    Before(Position),
}

pub struct SearchPage {
    pub entries: Vec<Entry>,
    pub has_next: bool,
    pub has_prev: bool,
}

impl Trail {
    /// Searches all streams, or only the given one.
    pub async fn search(
        &self,
        criteria: &Criteria,
        order: TrailOrder,
        within: Option<&[StreamId]>,
    ) -> Result<Search, TrailError> {
        let filter = self.filter(criteria).await?;
        let source = match within {
            Some(streams) => Source::Listed(self.list(streams, &filter).await?),
            None if filter.takes_all() => Source::Log,
            None => Source::Index,
        };
        Ok(Search {
            trail: self.clone(),
            filter,
            order,
            source,
        })
    }

    async fn list(
        &self,
        streams: &[StreamId],
        filter: &TrailFilter,
    ) -> Result<Vec<Position>, TrailError> {
        let pick = StreamFilter {
            streams,
            positions: filter.from..=filter.through,
            types: filter.types.as_deref(),
            actor: filter.actor.as_ref(),
            correlation_id: filter.correlation_id,
        };
        Ok(self.feed.positions_of(&pick).await?)
    }
}

impl Search {
    /// How many events it has. `None` if there are more than are counted.
    pub async fn count(&self) -> Result<Option<i64>, TrailError> {
        match &self.source {
            Source::Log => Ok(Some((self.filter.through - self.filter.from + 1).max(0))),
            Source::Listed(positions) => Ok(i64::try_from(positions.len()).ok()),
            Source::Index => {
                let queries = &self.trail.queries;
                let counted = queries.count(&self.filter, MOST_COUNTED + 1).await?;
                Ok((counted <= MOST_COUNTED).then_some(counted))
            }
        }
    }

    pub async fn page(&self, start: PageStart, limit: u32) -> Result<SearchPage, TrailError> {
        let limit = limit as usize;
        let (range, order) = match start {
            PageStart::First => (self.all(), self.order),
            PageStart::After(position) => (self.beyond(position, self.order), self.order),
            PageStart::Before(position) => {
                let back = reversed(self.order);
                (self.beyond(position, back), back)
            }
        };
        // Fetching one more than asked for tells whether there is another page in that direction.
        let mut found = self.positions(range, order, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let events = self.trail.feed.read_each_at(&found).await?;
        let mut entries = self.trail.entries(events).await?;
        if self.order == TrailOrder::NewestFirst {
            entries.reverse();
        }
        let (has_next, has_prev) = match start {
            PageStart::First => (more, false),
            PageStart::After(_) => (more, true),
            PageStart::Before(_) => (true, more),
        };
        Ok(SearchPage {
            entries,
            has_next,
            has_prev,
        })
    }

    /// All of it, chunk by chunk.
    pub fn walk(self) -> Walk {
        Walk::through(self)
    }

    pub(super) fn all(&self) -> RangeInclusive<Position> {
        self.filter.from..=self.filter.through
    }

    /// The positions that come after this one in this order.
    pub(super) fn beyond(&self, position: Position, order: TrailOrder) -> RangeInclusive<Position> {
        let TrailFilter { from, through, .. } = self.filter;
        match order {
            TrailOrder::OldestFirst => from.max(position.saturating_add(1))..=through,
            TrailOrder::NewestFirst => from..=through.min(position.saturating_sub(1)),
        }
    }

    /// The first `limit` positions of a range.
    pub(super) async fn positions(
        &self,
        range: RangeInclusive<Position>,
        order: TrailOrder,
        limit: usize,
    ) -> Result<Vec<Position>, TrailError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match &self.source {
            Source::Log => match order {
                TrailOrder::OldestFirst => range.take(limit).collect(),
                TrailOrder::NewestFirst => range.rev().take(limit).collect(),
            },
            Source::Index => {
                let filter = TrailFilter {
                    from: *range.start(),
                    through: *range.end(),
                    ..self.filter.clone()
                };
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                self.trail.queries.find(&filter, order, limit).await?
            }
            Source::Listed(positions) => {
                let first = positions.partition_point(|position| position < range.start());
                let end = positions.partition_point(|position| position <= range.end());
                let within = positions[first..end].iter().copied();
                match order {
                    TrailOrder::OldestFirst => within.take(limit).collect(),
                    TrailOrder::NewestFirst => within.rev().take(limit).collect(),
                }
            }
        })
    }
}

fn reversed(order: TrailOrder) -> TrailOrder {
    match order {
        TrailOrder::OldestFirst => TrailOrder::NewestFirst,
        TrailOrder::NewestFirst => TrailOrder::OldestFirst,
    }
}
