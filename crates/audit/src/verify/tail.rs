//! The events after the sealed ones: nothing proves them yet, but the log promises that they have no gaps.

use daybook_log::Position;

use super::classify::{Stray, Trace};
use super::finding::{Finding, Kind, MOST_FINDINGS};
use super::order::in_order;

pub(super) struct Tail {
    /// Events that are not sealed yet.
    pub(super) unsealed: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) untold: u64,
    /// The next position.
    expected: Position,
    /// A position that a sealed event from elsewhere has taken, and that an event of its own may have, too.
    shared: Option<Position>,
}

impl Tail {
    /// The tail of a log with `size` sealed events. If those were renumbered, some events that come after them are
    /// among the strays, and are taken from there.
    pub(super) fn after(trace: &mut Trace, size: u64) -> Tail {
        let size = Position::try_from(size).unwrap_or(Position::MAX);
        let kept = in_order(&trace.runs);
        let last = trace.runs.iter().zip(kept).rfind(|(_, kept)| *kept);
        let last = last
            .map(|(run, _)| *run)
            .filter(|run| run.last_home() == size);
        let mut tail = Tail {
            unsealed: 0,
            findings: Vec::new(),
            untold: 0,
            expected: last.map_or(size, |run| run.last_at()).saturating_add(1),
            shared: None,
        };
        if last.is_some() {
            let first = trace
                .strays
                .partition_point(|stray| stray.position < tail.expected);
            for Stray {
                position, stream, ..
            } in trace.strays.drain(first..)
            {
                tail.row_at(position, stream);
            }
        }
        tail
    }

    /// Takes the next row, which is not one of those that were sealed.
    pub(super) fn row_at(&mut self, position: Position, stream: String) {
        if position < self.expected && self.shared.take() != Some(position) {
            return self.tell(Finding::new(Kind::Inserted, position).of_stream(Some(stream)));
        }
        if position > self.expected {
            self.tell(Finding::new(Kind::Removed, self.expected).through(position - 1));
        }
        self.unsealed += 1;
        self.expected = self.expected.max(position.saturating_add(1));
    }

    /// Takes the next row, which is one of those that were sealed.
    pub(super) fn sealed_event_at(&mut self, position: Position) {
        if position == self.expected {
            self.expected = position.saturating_add(1);
            self.shared = Some(position);
        }
    }

    fn tell(&mut self, finding: Finding) {
        match self.findings.len() < MOST_FINDINGS {
            true => self.findings.push(finding),
            false => self.untold += 1,
        }
    }
}
