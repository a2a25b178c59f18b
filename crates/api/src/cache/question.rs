//! A query in a normalised spelling.

use axum::http::Uri;

/// Longer queries are not cached, because nobody else asks them.
const MAX_BYTES: usize = 2_048;

/// Two questions are equal only if they ask the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question(String);

impl Question {
    /// Made of a path and parameters that a handler has accepted, so each is known and occurs once. Their order and
    /// escaping make no difference; names and values are escaped here, so that no two of them can be confused.
    pub(crate) fn of(uri: &Uri) -> Question {
        let mut parameters: Vec<_> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
        parameters.sort();
        let mut spelled = form_urlencoded::Serializer::for_suffix(
            format!("{}?", uri.path()),
            uri.path().len() + 1,
        );
        Question(spelled.extend_pairs(parameters).finish())
    }

    /// Made of a path alone, if parameters have no effect.
    pub(crate) fn of_path(uri: &Uri) -> Question {
        Question(uri.path().to_owned())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn may_be_kept(&self) -> bool {
        self.0.len() <= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(uri: &str) -> Question {
        Question::of(&uri.parse().unwrap())
    }

    #[test]
    fn order_and_escapes_make_no_difference() {
        for same in [
            "/products?limit=10&q=a%20b",
            "/products?q=a+b&limit=10",
            "/products?%71=a%20%62&limit=10",
            "/products?&limit=10&&q=a+b&",
        ] {
            assert_eq!(question(same), question("/products?q=a+b&limit=10"));
        }
        assert_eq!(question("/products"), question("/products?"));
    }

    #[test]
    fn no_value_reads_as_another_parameter() {
        let different = [
            "/products",
            "/products/facets",
            "/categories",
            "/products?q=a&limit=1",
            "/products?q=a%26limit%3D1",
            "/products?q=a%2526limit%253D1",
            "/products?q=a&limit=",
            "/products?q=a",
            "/products?q=A",
            "/products?q=a+",
            "/products?q=a&q=a",
            "/products?q=a%3F",
            "/products%3Fq=a",
        ];
        for (at, one) in different.iter().enumerate() {
            for other in &different[at + 1..] {
                assert_ne!(question(one), question(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn very_long_ones_are_not_kept() {
        assert!(question(&format!("/products?q={}", "a".repeat(2_000))).may_be_kept());
        assert!(!question(&format!("/products?q={}", "a".repeat(3_000))).may_be_kept());
    }
}
