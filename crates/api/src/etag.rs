//! Entity tags. A strong tag is made of the versions of the streams that a body depends on (`"7"`, a product's
//! `"3.41"`). `If-Match` compares the version of the resource's own stream, `If-None-Match` the whole tag. A list has
//! no versions, so it is tagged with a digest.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::problem::Problem;

/// The tag of a resource's present representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    pub own: i64,
    /// The version of a second stream that the body depends on.
    pub drawn: Option<i64>,
}

impl ETag {
    pub fn of(version: i64) -> ETag {
        ETag {
            own: version,
            drawn: None,
        }
    }

    pub fn with(own: i64, drawn: i64) -> ETag {
        ETag {
            own,
            drawn: Some(drawn),
        }
    }

    fn opaque(self) -> String {
        match self.drawn {
            None => self.own.to_string(),
            Some(drawn) => format!("{}.{drawn}", self.own),
        }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.opaque())
    }
}

impl From<ETag> for HeaderValue {
    fn from(tag: ETag) -> HeaderValue {
        // Digits, a dot and quotes are always a valid header value; the fallback matches no representation.
        HeaderValue::try_from(tag.to_string()).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// The condition of an `If-Match` or `If-None-Match` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Absent,
    Any,
    Tags(Vec<Tag>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    weak: bool,
    opaque: String,
}

impl Tag {
    /// The version of the resource's own stream that a strong tag names; a weak tag never matches (RFC 9110, 13.1.1).
    pub(crate) fn own_version(&self) -> Option<i64> {
        if self.weak {
            return None;
        }
        let own = self.opaque.split('.').next()?;
        let version: i64 = own.parse().ok()?;
        (version.to_string() == own).then_some(version)
    }
}

impl Condition {
    pub(crate) fn if_match(headers: &HeaderMap) -> Result<Condition, Problem> {
        Condition::read(headers, header::IF_MATCH)
    }

    pub(crate) fn if_none_match(headers: &HeaderMap) -> Result<Condition, Problem> {
        Condition::read(headers, header::IF_NONE_MATCH)
    }

    fn read(headers: &HeaderMap, name: HeaderName) -> Result<Condition, Problem> {
        let mut lines = headers.get_all(&name).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Condition::Absent);
        }
        let joined = lines
            .map(HeaderValue::as_bytes)
            .collect::<Vec<_>>()
            .join(&b',');
        parse(&joined).ok_or_else(|| {
            Problem::bad_request(
                "malformed-etag",
                format!("the header {name} is no `*` and no list of entity tags"),
            )
        })
    }

    /// Whether a representation tagged `current` is one that the client already has (weak comparison).
    pub(crate) fn holds(&self, current: ETag) -> bool {
        self.is_one(current.opaque().as_bytes())
    }

    /// The same for a strong tag in the form of the header `ETag`.
    pub(crate) fn names(&self, current: &HeaderValue) -> bool {
        let quoted = current.as_bytes();
        let inner = quoted
            .strip_prefix(b"\"")
            .and_then(|tag| tag.strip_suffix(b"\""));
        inner.is_some_and(|opaque| self.is_one(opaque))
    }

    fn is_one(&self, opaque: &[u8]) -> bool {
        match self {
            Condition::Absent => false,
            Condition::Any => true,
            Condition::Tags(tags) => tags.iter().any(|tag| tag.opaque.as_bytes() == opaque),
        }
    }
}

/// `#entity-tag` of RFC 9110: commas inside quotes belong to the tag, empty list elements are skipped.
fn parse(bytes: &[u8]) -> Option<Condition> {
    if bytes.trim_ascii() == b"*" {
        return Some(Condition::Any);
    }
    let mut tags = Vec::new();
    let mut rest = bytes;
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => break,
            [b',', tail @ ..] => rest = tail,
            _ => {
                let (tag, tail) = parse_tag(rest)?;
                tags.push(tag);
                rest = match tail.trim_ascii_start() {
                    [] => break,
                    [b',', tail @ ..] => tail,
                    _ => return None,
                };
            }
        }
    }
    (!tags.is_empty()).then_some(Condition::Tags(tags))
}

fn parse_tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    let (weak, quoted) = match bytes.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, bytes),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|&byte| byte == b'"')?;
    let (opaque, tail) = (&inner[..end], &inner[end + 1..]);
    let allowed = |&byte: &u8| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80;
    if !opaque.iter().all(allowed) {
        return None;
    }
    Some((
        Tag {
            weak,
            opaque: String::from_utf8_lossy(opaque).into_owned(),
        },
        tail,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_versions(text: &str) -> Vec<Option<i64>> {
        match parse(text.as_bytes()).unwrap() {
            Condition::Tags(tags) => tags.iter().map(Tag::own_version).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tags_carry_the_versions_of_their_streams() {
        assert_eq!(ETag::of(7).to_string(), "\"7\"");
        assert_eq!(ETag::with(3, 41).to_string(), "\"3.41\"");
    }

    #[test]
    fn the_own_part_is_read_from_strong_tags_only() {
        assert_eq!(own_versions("\"7\""), [Some(7)]);
        assert_eq!(own_versions("\"3.41\", \"4.1\""), [Some(3), Some(4)]);
        assert_eq!(own_versions("W/\"3.41\""), [None]);
        assert_eq!(
            own_versions("\"abc\", \"+3\", \"03\", \"a,b\""),
            [None, None, None, None]
        );
        assert_eq!(own_versions(" , \"1\" ,, \"2\","), [Some(1), Some(2)]);
    }

    #[test]
    fn malformed_lists_are_told_apart() {
        assert_eq!(parse(b" * "), Some(Condition::Any));
        for bad in [
            "",
            ",",
            "7",
            "\"7",
            "7\"",
            "\"a\" \"b\"",
            "w/\"1\"",
            "\"a b\"",
            "*, \"1\"",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_known_representation_is_recognised_by_its_whole_tag() {
        let held = parse(b"W/\"3.41\", \"9\"").unwrap();
        assert!(held.holds(ETag::with(3, 41)));
        assert!(held.holds(ETag::of(9)));
        assert!(!held.holds(ETag::with(3, 42)));
        let digest = HeaderValue::from_static("\"3.41\"");
        assert!(held.names(&digest) && Condition::Any.names(&digest));
        assert!(!held.names(&HeaderValue::from_static("\"3.4\"")));
        assert!(!Condition::Absent.holds(ETag::of(9)));
        assert!(Condition::Any.holds(ETag::of(9)));
    }
}
