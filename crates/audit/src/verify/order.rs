//! Which of the sealed rows have kept their order.
//!
//! Consecutive rows that are in the same order as when they were sealed form one run, so a log in which all but a few
//! rows were renumbered is a few runs.

use daybook_log::Position;

/// Consecutive rows whose leaves are known, in the order in which they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The position that the first row has now.
    pub(super) at: Position,
    /// The position at which the first row was sealed.
    pub(super) home: Position,
    pub(super) length: u64,
}

impl Run {
    /// How far the rows are from where they were sealed.
    pub(super) fn shift(&self) -> i64 {
        self.at.wrapping_sub(self.home)
    }

    /// The same without wrapping around at the ends of the numbers.
    pub(super) fn distance(&self) -> i128 {
        i128::from(self.at) - i128::from(self.home)
    }

    pub(super) fn last_home(&self) -> Position {
        self.home + (self.length as i64 - 1)
    }

    pub(super) fn last_at(&self) -> Position {
        self.at.wrapping_add(self.length as i64 - 1)
    }

    /// Whether the other run continues where this one ends.
    fn goes_on(&self, next: &Run) -> bool {
        next.home == self.last_home() + 1 && next.at == self.last_at().wrapping_add(1)
    }
}

/// Counts rows or leaves between two positions.
pub(super) struct Between {
    /// By position, each with the count up to there.
    upto: Vec<(Position, i128)>,
}

impl Between {
    pub(super) fn of(counted: impl Iterator<Item = (Position, u64)>) -> Between {
        let mut upto: Vec<(Position, i128)> = counted
            .map(|(position, count)| (position, i128::from(count)))
            .collect();
        upto.sort_unstable();
        let mut sum = 0;
        for (_, count) in &mut upto {
            sum += *count;
            *count = sum;
        }
        Between { upto }
    }

    /// The count after the one position and before the other.
    pub(super) fn count(&self, after: Position, before: Position) -> i128 {
        let below = |places: usize| places.checked_sub(1).map_or(0, |last| self.upto[last].1);
        let from = self
            .upto
            .partition_point(|(position, _)| *position <= after);
        let to = self
            .upto
            .partition_point(|(position, _)| *position < before);
        (below(to) - below(from)).max(0)
    }
}

/// Adds a run at the end, as part of the last one if it continues there.
pub(super) fn push(runs: &mut Vec<Run>, next: Run) {
    match runs.last_mut() {
        Some(last) if last.goes_on(&next) => last.length += next.length,
        _ => runs.push(next),
    }
}

/// For each run, whether it is part of the greatest number of rows that are still in the order in which they were
/// sealed; among equally great ones, rows that are where they were are preferred. The other runs were moved.
pub(super) fn in_order(runs: &[Run]) -> Vec<bool> {
    let mut homes: Vec<Position> = runs.iter().map(|run| run.home).collect();
    homes.sort_unstable();
    let mut best = Best::new(runs.len());
    let mut before = vec![None; runs.len()];
    for (index, run) in runs.iter().enumerate() {
        let rank = homes.partition_point(|home| *home < run.home);
        let (weight, previous) = best.below(rank);
        before[index] = previous;
        let own = 2 * run.length + u64::from(run.shift() == 0);
        best.raise(rank, weight + own, index);
    }
    let mut kept = vec![false; runs.len()];
    let mut next = best.below(runs.len()).1;
    while let Some(index) = next {
        kept[index] = true;
        next = before[index];
    }
    kept
}

/// A Fenwick tree of maxima: the greatest weight, and the run that has it, among all ranks below a given one.
struct Best(Vec<(u64, Option<usize>)>);

impl Best {
    fn new(ranks: usize) -> Best {
        Best(vec![(0, None); ranks + 1])
    }

    fn below(&self, rank: usize) -> (u64, Option<usize>) {
        let (mut slot, mut best) = (rank, (0, None));
        while slot > 0 {
            if self.0[slot].0 > best.0 {
                best = self.0[slot];
            }
            slot &= slot - 1;
        }
        best
    }

    fn raise(&mut self, rank: usize, weight: u64, index: usize) {
        let mut slot = rank + 1;
        while slot < self.0.len() {
            if weight > self.0[slot].0 {
                self.0[slot] = (weight, Some(index));
            }
            slot += slot & slot.wrapping_neg();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that stand at 1, 2, 3 …
    fn runs(homes: &[Position]) -> Vec<Run> {
        let mut runs = Vec::new();
        for (index, home) in homes.iter().enumerate() {
            let at = index as Position + 1;
            push(
                &mut runs,
                Run {
                    at,
                    home: *home,
                    length: 1,
                },
            );
        }
        runs
    }

    fn moved(homes: &[Position]) -> Vec<Position> {
        let runs = runs(homes);
        let kept = in_order(&runs);
        let moved = runs.iter().zip(kept).filter(|(_, kept)| !kept);
        moved.map(|(run, _)| run.home).collect()
    }

    #[test]
    fn neighbours_become_one_run() {
        assert_eq!(runs(&[1, 2, 3, 5, 6]).len(), 2);
        assert_eq!(runs(&[3, 2, 1]).len(), 3);
    }

    #[test]
    fn the_fewest_rows_count_as_moved() {
        assert!(moved(&[]).is_empty());
        assert!(moved(&[1, 2, 3, 4]).is_empty());
        assert!(moved(&[1, 3, 4, 9]).is_empty(), "numbered anew");
        assert_eq!(moved(&[1, 5, 3, 4, 2, 6]), [5, 2], "two exchanged");
        assert_eq!(moved(&[3, 2, 1]), [3, 1], "the one in its place stays");
        assert_eq!(moved(&[1, 2, 9, 3, 4, 5]), [9]);
    }
}
