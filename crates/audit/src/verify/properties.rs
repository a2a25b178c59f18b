//! Properties that hold for every log and every harm, or several of them.

use std::collections::BTreeSet;

use daybook_log::Position;
use proptest::prelude::*;

use super::classify::{Stray, Trace};
use super::finding::{Finding, Kind};
use super::segment::Segment;
use crate::tree::Hash;

const EVENTS: Position = 60;

/// A row, represented by a number: up to [`EVENTS`] it is the event that was sealed at that position.
type Row = (Position, u64);

fn honest() -> Vec<Row> {
    (1..=EVENTS)
        .map(|position| (position, position as u64))
        .collect()
}

fn hash(number: u64) -> Hash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

fn findings(mut rows: Vec<Row>) -> Vec<Finding> {
    rows.sort_by_key(|(position, _)| *position);
    let (mut segment, mut untold) = (Segment::default(), 0);
    let leaves: Vec<Hash> = (1..=EVENTS).map(|position| hash(position as u64)).collect();
    segment.add_leaves(1, &leaves);
    let mut trace = Trace {
        head: rows.last().map_or(0, |(position, _)| *position),
        ..Trace::default()
    };
    for (position, number) in rows {
        let row = Stray {
            position,
            hash: hash(number),
            stream: String::new(),
        };
        segment.add_row(row, &mut untold);
    }
    segment.end(&mut trace, &mut untold);
    trace.missing.sort_by_key(|missing| missing.position);
    trace.strays.sort_by_key(|stray| stray.position);
    assert_eq!(untold, 0);
    trace.findings()
}

fn places(findings: &[Finding], kind: Kind) -> BTreeSet<Position> {
    let of_kind = findings.iter().filter(|finding| finding.kind == kind);
    of_kind
        .flat_map(|finding| finding.position..=finding.through.unwrap_or(finding.position))
        .collect()
}

fn renumber(rows: Vec<Row>) -> Vec<Row> {
    let numbered = (1..).zip(rows);
    numbered
        .map(|(position, (_, number))| (position, number))
        .collect()
}

fn some_positions() -> impl Strategy<Value = BTreeSet<Position>> {
    prop::collection::btree_set(1..=EVENTS, 0..20)
}

proptest! {
    #[test]
    fn exactly_what_was_removed_is_found(removed in some_positions(), renumbered: bool) {
        let mut rows = honest();
        rows.retain(|(position, _)| !removed.contains(position));
        let rows = if renumbered { renumber(rows) } else { rows };
        let found = findings(rows);
        let gone = places(&found, Kind::Removed).into_iter().chain(places(&found, Kind::Truncated));
        prop_assert_eq!(gone.collect::<BTreeSet<_>>(), removed.clone());
        prop_assert!(found.iter().all(|f| matches!(f.kind, Kind::Removed | Kind::Truncated)));
        let is_cut = removed.contains(&EVENTS);
        prop_assert_eq!(found.iter().any(|f| f.kind == Kind::Truncated), is_cut);
    }

    #[test]
    fn exactly_what_was_changed_is_found(changed in some_positions()) {
        let mut rows = honest();
        for (position, number) in &mut rows {
            if changed.contains(position) {
                *number += 1_000;
            }
        }
        let found = findings(rows);
        prop_assert_eq!(places(&found, Kind::Changed), changed.clone());
        prop_assert_eq!(found.len(), changed.len());
    }

    #[test]
    fn exactly_what_was_inserted_is_found(inserted in some_positions(), renumbered: bool) {
        let mut rows = Vec::new();
        for (position, number) in honest() {
            if inserted.contains(&position) {
                rows.push((position, number + 1_000));
            }
            rows.push((position, number));
        }
        let expected: BTreeSet<Position> = match renumbered {
            false => inserted.clone(),
            true => (0..).zip(&inserted).map(|(before, position)| position + before).collect(),
        };
        let rows = if renumbered { renumber(rows) } else { rows };
        let found = findings(rows);
        prop_assert_eq!(places(&found, Kind::Inserted), expected);
        prop_assert_eq!(found.len(), inserted.len());
    }

    #[test]
    fn two_that_changed_places_are_both_found(one in 1..=EVENTS, other in 1..=EVENTS) {
        let mut rows = honest();
        rows[one as usize - 1].0 = other;
        rows[other as usize - 1].0 = one;
        let found = findings(rows);
        let expected = if one == other { BTreeSet::new() } else { BTreeSet::from([one, other]) };
        prop_assert_eq!(places(&found, Kind::Reordered), expected.clone());
        prop_assert_eq!(found.len(), expected.len());
    }

    /// Whatever was done to the rows: only the honest log has no finding.
    #[test]
    fn nothing_is_found_in_the_honest_log_alone(
        harmed in prop::collection::vec((-3..=EVENTS + 3, 1..=EVENTS as u64 + 5), 0..4),
        removed in prop::collection::btree_set(1..=EVENTS, 0..3),
        renumbered: bool,
    ) {
        let mut rows = honest();
        rows.retain(|(position, _)| !removed.contains(position));
        rows.extend(harmed);
        rows.sort_by_key(|(position, _)| *position);
        let rows = if renumbered { renumber(rows) } else { rows };
        prop_assert_eq!(findings(rows.clone()).is_empty(), rows == honest());
    }

    #[test]
    fn of_a_shuffled_log_every_event_is_in_its_order_or_named(rows in Just(honest()).prop_shuffle()) {
        let found = findings(renumber(rows.clone()));
        let named = places(&found, Kind::Reordered);
        prop_assert!(found.iter().all(|f| f.kind == Kind::Reordered));
        let rest = rows.iter().map(|(position, _)| *position).filter(|at| !named.contains(at));
        prop_assert!(rest.is_sorted());
    }
}
