//! The types of events that this binary knows, and which of them was probably meant.

use daybook_domain::AggregateType;
use daybook_history::trail::event_type;
use strsim::levenshtein;

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
    let distances = types.map(|known| (levenshtein(name, known.name), known.name));
    let (distance, nearest) = distances.min()?;
    (distance <= FARTHEST).then_some(nearest)
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
            assert_eq!(levenshtein(from, to), letters, "{from} {to}");
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
