//! The types of events that this binary knows, and which of them was probably meant.

use daybook_domain::AggregateType;
use daybook_history::trail::event_type;

/// How many letters a mistyped name may be away from what was meant.
const FARTHEST: usize = 3;

pub(crate) fn is_known(name: &str) -> bool {
    event_type(name).is_some()
}

/// `; perhaps order.placed was meant`, or nothing if no known type is like this name.
pub(crate) fn perhaps(name: &str) -> String {
    match meant(name) {
        Some(meant) => format!("; perhaps {meant} was meant"),
        None => String::new(),
    }
}

fn meant(name: &str) -> Option<&'static str> {
    let types = AggregateType::ALL.iter().flat_map(|of| of.event_types());
    let distances = types.map(|known| (distance(name, known.name), known.name));
    let (distance, nearest) = distances.min()?;
    (distance <= FARTHEST).then_some(nearest)
}

/// Levenshtein's: how many letters are to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_letters() {
        for (from, to, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("order.place", "order.placed", 1),
            ("ordre.placed", "order.placed", 2),
        ] {
            assert_eq!(distance(from, to), letters, "{from} {to}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_told() {
        assert!(is_known("order.placed") && !is_known("order.place"));
        assert_eq!(perhaps("order.place"), "; perhaps order.placed was meant");
        assert_eq!(perhaps("Order.Placed"), "; perhaps order.placed was meant");
        assert_eq!(perhaps("teleportation"), "");
    }
}
