//! From rows and leaves to findings: which of them match tells what was done. Pure.
//!
//! Rows are recognised by their hashes, so that a moved row is told apart from a changed one. Rows that are only
//! renumbered, by exactly as many as were inserted minus removed before them, are not findings of their own; rows that
//! are renumbered in any other way are.

use std::collections::HashMap;

use daybook_log::Position;

use super::finding::{Finding, Kind};
use super::order::{Between, Run, in_order};
use crate::tree::Hash;

/// Up to this many consecutive missing leaves are reported one by one.
const ONE_BY_ONE: usize = 100;

/// How rows and leaves match, and what does not match.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// Events that were sealed and are in the log, in the order in which they are now.
    pub(super) runs: Vec<Run>,
    /// Events that were sealed and are not in the log, by position.
    pub(super) missing: Vec<Missing>,
    /// Rows that were not sealed, by position, except those after all sealed events.
    pub(super) strays: Vec<Stray>,
    /// The greatest position that any row has.
    pub(super) head: Position,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) position: Position,
    pub(super) hash: Hash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub(super) position: Position,
    pub(super) hash: Hash,
    pub(super) stream: String,
}

impl Trace {
    /// The findings by position. Those about missing events have no stream yet.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let kept = in_order(&self.runs);
        let (kept, moved): (Vec<_>, Vec<_>) =
            self.runs.iter().zip(kept).partition(|(_, kept)| *kept);
        let kept: Vec<Run> = kept.into_iter().map(|(run, _)| *run).collect();
        let moved: Vec<Run> = moved.into_iter().map(|(run, _)| *run).collect();

        let mut findings: Vec<Finding> = self
            .displaced(&kept, &moved)
            .into_iter()
            .flat_map(reordered)
            .collect();
        for run in &moved {
            findings.extend(reordered(*run));
            findings.extend(exchanged_with(*run, &kept).into_iter().flat_map(reordered));
        }
        let mut strays = Strays::new(&self.strays);
        let mut gone = Vec::new();
        for missing in &self.missing {
            match strays.take_at(places(missing.position, &kept)) {
                Some(stray) => findings.push(
                    Finding::new(Kind::Changed, missing.position)
                        .instead(&missing.hash, &stray.hash),
                ),
                None => gone.push(missing.position),
            }
        }
        findings.extend(self.gone(&gone));
        findings.extend(strays.rest().map(|stray| {
            Finding::new(Kind::Inserted, stray.position).of_stream(Some(stray.stream.clone()))
        }));
        findings.sort_by_key(|finding| (finding.position, finding.kind));
        findings
    }

    /// Runs that are in order but not at the positions that follow from what was inserted and removed before them.
    fn displaced(&self, kept: &[Run], moved: &[Run]) -> Vec<Run> {
        let put_in = self.strays.iter().map(|stray| (stray.position, 1));
        let put_in = Between::of(put_in.chain(moved.iter().map(|run| (run.at, run.length))));
        let taken_out = self.missing.iter().map(|missing| (missing.position, 1));
        let taken_out =
            Between::of(taken_out.chain(moved.iter().map(|run| (run.home, run.length))));
        let start = Run {
            at: 0,
            home: 0,
            length: 1,
        };
        let before = std::iter::once(&start).chain(kept);
        let is_displaced = |(before, run): &(&Run, &Run)| {
            let added = put_in.count(before.last_at(), run.at);
            let removed = taken_out.count(before.last_home(), run.home);
            let distance = run.distance() - before.distance();
            distance != 0 && distance != added - removed
        };
        let displaced = before.zip(kept).filter(is_displaced);
        displaced.map(|(_, run)| *run).collect()
    }

    /// Events that are missing at the very end were cut off.
    fn gone(&self, positions: &[Position]) -> Vec<Finding> {
        let sealed_head = self.runs.iter().map(Run::last_home).max().unwrap_or(0);
        let mut findings = Vec::new();
        for stretch in positions.chunk_by(|a, b| a + 1 == *b) {
            let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
            if first > sealed_head && first > self.head {
                findings.push(Finding::new(Kind::Truncated, first).through(last));
            } else if stretch.len() > ONE_BY_ONE {
                findings.push(Finding::new(Kind::Removed, first).through(last));
            } else {
                findings.extend(stretch.iter().map(|at| Finding::new(Kind::Removed, *at)));
            }
        }
        findings
    }
}

fn reordered(run: Run) -> Vec<Finding> {
    let each =
        |n: i64| Finding::new(Kind::Reordered, run.home + n).found_at(run.at.wrapping_add(n));
    match run.length as usize {
        0..=ONE_BY_ONE => (0..run.length as i64).map(each).collect(),
        _ => vec![each(0).through(run.last_home())],
    }
}

/// If a run was moved past no more rows than it has itself, nobody can say which of the two was moved: both are
/// reported.
fn exchanged_with(moved: Run, kept: &[Run]) -> Vec<Run> {
    let distance = moved.shift();
    if distance.unsigned_abs() > moved.length {
        return Vec::new();
    }
    let (first, last) = match distance > 0 {
        true => (moved.last_home() + 1, moved.last_home() + distance),
        false => (moved.home + distance, moved.home - 1),
    };
    let part = |run: &Run| {
        let (from, to) = (run.home.max(first), run.last_home().min(last));
        (run.shift() != 0 && from <= to).then(|| Run {
            at: from.wrapping_add(run.shift()),
            home: from,
            length: (to - from + 1) as u64,
        })
    };
    kept.iter().filter_map(part).collect()
}

/// Where the row of a missing leaf would be: shifted from where it was sealed like the rows before it, or like those
/// after it.
fn places(home: Position, kept: &[Run]) -> [Position; 2] {
    let after = kept.partition_point(|run| run.home < home);
    let shift_before = after
        .checked_sub(1)
        .map_or(0, |before| kept[before].shift());
    let shift_after = kept.get(after).map_or(shift_before, Run::shift);
    [shift_before, shift_after].map(|shift| home.wrapping_add(shift))
}

/// Rows that were not sealed; each may explain only one finding.
struct Strays<'t> {
    strays: &'t [Stray],
    explained: Vec<bool>,
    by_position: HashMap<Position, Vec<usize>>,
}

impl<'t> Strays<'t> {
    fn new(strays: &'t [Stray]) -> Strays<'t> {
        let mut by_position: HashMap<Position, Vec<usize>> = HashMap::new();
        for (index, stray) in strays.iter().enumerate() {
            by_position.entry(stray.position).or_default().push(index);
        }
        Strays {
            strays,
            explained: vec![false; strays.len()],
            by_position,
        }
    }

    fn take_at(&mut self, places: [Position; 2]) -> Option<&'t Stray> {
        let free = |place: &Position| self.by_position.get_mut(place)?.pop();
        let index = places.iter().find_map(free)?;
        self.explained[index] = true;
        Some(&self.strays[index])
    }

    fn rest(&self) -> impl Iterator<Item = &'t Stray> {
        let both = self.strays.iter().zip(self.explained.clone());
        both.filter(|(_, explained)| !explained)
            .map(|(stray, _)| stray)
    }
}
