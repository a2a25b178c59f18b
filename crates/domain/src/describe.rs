//! Events as sentences, for people who read the history: the words that the aggregates' `describe.rs` files share.
//!
//! A sentence says what happened, not who did it or when, and begins in lower case. What was erased reads `(erased)`.

use std::fmt::Display;

use crate::money::Money;
use crate::personal::Personal;

const ERASED: &str = "(erased)";
const EXCERPT_CHARS: usize = 80;

/// The value, or `(erased)` if it was erased.
pub(crate) fn personal<T: Display>(value: &Personal<T>) -> String {
    value
        .known()
        .map_or_else(|| ERASED.to_owned(), ToString::to_string)
}

/// A reason, to be appended to what it explains.
pub(crate) fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {}", on_one_line(reason)))
}

/// `1 unit`, `12 units`.
pub(crate) fn units(quantity: u64) -> String {
    match quantity {
        1 => "1 unit".to_owned(),
        _ => format!("{quantity} units"),
    }
}

/// `from 12.50 to 11.00 EUR`.
pub(crate) fn from_to(from: Money, to: Money) -> String {
    let shown = from.to_string();
    let amount = match from.currency == to.currency {
        true => shown.split(' ').next().unwrap_or_default(),
        false => &shown,
    };
    format!("from {amount} to {to}")
}

/// Which of a name and a description changed, and how.
pub(crate) fn renamed_or_described(names: [&str; 2], descriptions: [&str; 2]) -> String {
    let renamed =
        (names[0] != names[1]).then(|| format!("renamed from {} to {}", names[0], names[1]));
    let described = (descriptions[0] != descriptions[1]).then(|| {
        let [from, to] = descriptions.map(quoted);
        format!("description changed from {from} to {to}")
    });
    let changes: Vec<String> = renamed.into_iter().chain(described).collect();
    match changes.is_empty() {
        true => "name and description written anew, unchanged".to_owned(),
        false => changes.join("; "),
    }
}

/// The beginning of a text, in quotation marks.
fn quoted(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    format!("“{}”", on_one_line(&excerpt))
}

fn on_one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_named_once_if_it_is_one() {
        let money = |minor, currency: &str| Money::new(minor, currency.parse().unwrap());
        for (from, to, shown) in [
            (
                money(1250, "EUR"),
                money(1100, "EUR"),
                "from 12.50 to 11.00 EUR",
            ),
            (money(1250, "JPY"), money(5, "JPY"), "from 1250 to 5 JPY"),
            (
                money(1250, "EUR"),
                money(5, "JPY"),
                "from 12.50 EUR to 5 JPY",
            ),
        ] {
            assert_eq!(from_to(from, to), shown);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_have_one_line() {
        assert_eq!(quoted("a\nb"), "“a b”");
        assert_eq!(quoted(&"ü".repeat(80)), format!("“{}”", "ü".repeat(80)));
        assert_eq!(quoted(&"ü".repeat(81)), format!("“{}…”", "ü".repeat(80)));
    }

    #[test]
    fn only_what_changed_is_told() {
        assert_eq!(
            renamed_or_described(["Tea", "Teas"], ["", ""]),
            "renamed from Tea to Teas"
        );
        assert_eq!(
            renamed_or_described(["Tea", "Tea"], ["", "Leaves"]),
            "description changed from “” to “Leaves”"
        );
        assert_eq!(
            renamed_or_described(["Tea", "Teas"], ["Green", "Leaves"]),
            "renamed from Tea to Teas; description changed from “Green” to “Leaves”"
        );
    }
}
