//! A part of the log whose leaves and rows are matched together at once.

use std::collections::{HashMap, HashSet};

use daybook_log::Position;

use super::classify::{Missing, Stray, Trace};
use super::order::{self, Run};
use crate::tree::Hash;

/// Rows and leaves that are kept because they fit nowhere; what is beyond is counted only.
const MOST_KEPT: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Segment {
    /// Where each event was sealed.
    homes: HashMap<Hash, Position>,
    /// The events that are where they were sealed.
    in_place: HashSet<Position>,
    /// Rows whose events were sealed in this segment, in the order in which they are now.
    known: Vec<Known>,
    strays: Vec<Stray>,
}

struct Known {
    at: Position,
    home: Position,
    /// The row, if it is not where it was sealed, and so may be a copy.
    elsewhere: Option<Box<Stray>>,
}

impl Segment {
    pub(super) fn add_leaves(&mut self, first: Position, hashes: &[Hash]) {
        self.homes.extend(hashes.iter().copied().zip(first..));
    }

    /// Rows must be added in the order of their positions, after all leaves were added.
    pub(super) fn add_row(&mut self, row: Stray, untold: &mut u64) {
        let at = row.position;
        match self.homes.get(&row.hash) {
            Some(&home) if home != at => self.known.push(Known {
                at,
                home,
                elsewhere: Some(Box::new(row)),
            }),
            Some(&home) if self.in_place.insert(home) => self.known.push(Known {
                at,
                home,
                elsewhere: None,
            }),
            // The same row a second time, or one that was not sealed here.
            _ => keep(&mut self.strays, untold, row),
        }
    }

    /// Adds all matches. If several rows have the same event, the one where it was sealed counts, or else the first.
    pub(super) fn end(mut self, trace: &mut Trace, untold: &mut u64) {
        let mut found = self.in_place;
        for known in self.known {
            match known.elsewhere {
                Some(copy) if !found.insert(known.home) => keep(&mut self.strays, untold, *copy),
                _ => order::push(
                    &mut trace.runs,
                    Run {
                        at: known.at,
                        home: known.home,
                        length: 1,
                    },
                ),
            }
        }
        for (hash, position) in self.homes {
            if !found.contains(&position) {
                keep(&mut trace.missing, untold, Missing { position, hash });
            }
        }
        for stray in self.strays {
            keep(&mut trace.strays, untold, stray);
        }
    }
}

pub(super) fn keep<T>(kept: &mut Vec<T>, untold: &mut u64, one: T) {
    match kept.len() < MOST_KEPT {
        true => kept.push(one),
        false => *untold += 1,
    }
}
