//! Converts what people type to a text search query.

use sqlx::{Postgres, QueryBuilder};

/// Further words are ignored: each one costs an index scan.
const MAX_WORDS: usize = 20;

/// Pushes the tsquery for `q`.
///
/// Plain words match by their English stems, unchanged, or as beginnings of words, so that a half-typed
/// word finds something. With quotes, `-` or `or` the search means exactly what it says; beginnings of
/// words would widen it again.
pub(super) fn push_tsquery(query: &mut QueryBuilder<'_, Postgres>, q: &str) {
    // PostgreSQL's text cannot hold a NUL.
    let q = q.replace('\0', " ");
    query
        .push("websearch_to_tsquery('english', ")
        .push_bind(q.clone())
        .push(")");
    if has_operators(&q) {
        return;
    }
    query
        .push(" || websearch_to_tsquery('simple', ")
        .push_bind(q.clone())
        .push(")");
    let beginnings = beginnings(&q);
    if !beginnings.is_empty() {
        query
            .push(" || to_tsquery('simple', ")
            .push_bind(beginnings)
            .push(")");
    }
}

fn has_operators(q: &str) -> bool {
    q.contains('"')
        || q.split_whitespace()
            .any(|word| word.starts_with('-') || word.eq_ignore_ascii_case("or"))
}

/// `desk lamp` as `desk:* & lamp:*`. Only letters and digits get in, so nothing can be an operator.
fn beginnings(q: &str) -> String {
    let words = q
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let beginnings: Vec<String> = words
        .take(MAX_WORDS)
        .map(|word| format!("'{word}':*"))
        .collect();
    beginnings.join(" & ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_and_digits_become_beginnings() {
        assert_eq!(
            beginnings("desk-lamp (2x)!"),
            "'desk':* & 'lamp':* & '2x':*"
        );
        assert_eq!(beginnings("' | ! & :*"), "");
    }

    #[test]
    fn operators_are_told_from_words() {
        for with in ["\"desk lamp\"", "lamp -desk", "lamp OR desk"] {
            assert!(has_operators(with), "{with}");
        }
        for without in ["lamp", "desk-lamp", "ornament"] {
            assert!(!has_operators(without), "{without}");
        }
    }
}
