//! The content of a cursor, and its text form: base64url of a JSON array that begins with its version.
//!
//! Anyone can send a cursor, so only its shape is trusted: the worst that a forged one does is to start
//! the same list somewhere else.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::QueryError;

const VERSION: u8 = 1;

/// Longer than any cursor of ours.
const MAX_TEXT_BYTES: usize = 4_096;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    pub(super) direction: Direction,
    pub(super) key: Key,
    pub(super) id: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Direction {
    #[serde(rename = "n")]
    Next,
    #[serde(rename = "p")]
    Prev,
}

/// The value that a list is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Text(String),
    Amount(Decimal),
    Instant(DateTime<Utc>),
    Rank(f32),
    Number(i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyKind {
    Text,
    Amount,
    Instant,
    Rank,
    Number,
}

impl Cursor {
    /// `order` names the list's order, so that a cursor is not mistaken for one of another order.
    pub(super) fn encode(&self, order: &str) -> String {
        let array = (VERSION, order, self.direction, self.key.to_text(), self.id);
        // An array of strings and numbers can always be written.
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&array).unwrap_or_default())
    }

    pub(super) fn decode(text: &str, order: &str, kind: KeyKind) -> Result<Cursor, QueryError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(QueryError::BadCursor);
        }
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| QueryError::BadCursor)?;
        let (version, of, direction, key, id): (u8, String, Direction, String, Uuid) =
            serde_json::from_slice(&json).map_err(|_| QueryError::BadCursor)?;
        if version != VERSION || of != order {
            return Err(QueryError::BadCursor);
        }
        let key = Key::from_text(&key, kind).ok_or(QueryError::BadCursor)?;
        Ok(Cursor { direction, key, id })
    }
}

impl Key {
    pub(super) fn from_row(row: &PgRow, column: &str, kind: KeyKind) -> Result<Key, sqlx::Error> {
        Ok(match kind {
            KeyKind::Text => Key::Text(row.try_get(column)?),
            KeyKind::Amount => Key::Amount(row.try_get(column)?),
            KeyKind::Instant => Key::Instant(row.try_get(column)?),
            KeyKind::Rank => Key::Rank(row.try_get(column)?),
            KeyKind::Number => Key::Number(row.try_get(column)?),
        })
    }

    pub(super) fn push_bind(&self, query: &mut QueryBuilder<'_, Postgres>) {
        match self {
            Key::Text(text) => query.push_bind(text.clone()),
            Key::Amount(amount) => query.push_bind(*amount),
            Key::Instant(instant) => query.push_bind(*instant),
            Key::Rank(rank) => query.push_bind(*rank),
            Key::Number(number) => query.push_bind(*number),
        };
    }

    fn to_text(&self) -> String {
        match self {
            Key::Text(text) => text.clone(),
            Key::Amount(amount) => amount.to_string(),
            Key::Instant(instant) => instant.timestamp_micros().to_string(),
            Key::Rank(rank) => rank.to_bits().to_string(),
            Key::Number(number) => number.to_string(),
        }
    }

    /// Accepts only values that the database can hold.
    fn from_text(text: &str, kind: KeyKind) -> Option<Key> {
        match kind {
            KeyKind::Text => (!text.contains('\0')).then(|| Key::Text(text.to_owned())),
            KeyKind::Amount => text.parse().ok().map(Key::Amount),
            KeyKind::Instant => {
                let instant = DateTime::from_timestamp_micros(text.parse().ok()?)?;
                (1..=9_999)
                    .contains(&instant.year())
                    .then_some(Key::Instant(instant))
            }
            KeyKind::Rank => {
                let rank = f32::from_bits(text.parse().ok()?);
                rank.is_finite().then_some(Key::Rank(rank))
            }
            KeyKind::Number => text.parse().ok().map(Key::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn cursor(key: Key) -> Cursor {
        Cursor {
            direction: Direction::Next,
            key,
            id: ID,
        }
    }

    #[test]
    fn every_kind_of_key_survives_the_trip_through_text() {
        let keys = [
            (Key::Text("größe \"x\"".into()), KeyKind::Text),
            (Key::Amount(Decimal::new(1_250, 2)), KeyKind::Amount),
            (
                Key::Instant(DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap()),
                KeyKind::Instant,
            ),
            (Key::Rank(0.607_927_1), KeyKind::Rank),
            (Key::Number(i64::MIN), KeyKind::Number),
        ];
        for (key, kind) in keys {
            let cursor = cursor(key);
            assert_eq!(
                Cursor::decode(&cursor.encode("list"), "list", kind).unwrap(),
                cursor
            );
        }
    }

    #[test]
    fn what_is_not_a_cursor_of_this_order_is_refused() {
        let other_order = cursor(Key::Text("a".into())).encode("by price");
        let other_version = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"[2,"list","n","a","{ID}"]"#));
        let nul = cursor(Key::Text("a\0".into())).encode("list");
        let truncated = &cursor(Key::Text("a".into())).encode("list")[1..];
        let long = "A".repeat(MAX_TEXT_BYTES + 1);
        for bad in [
            "",
            "!",
            "bnVsbA",
            truncated,
            &other_order,
            &other_version,
            &nul,
            &long,
        ] {
            assert!(
                matches!(
                    Cursor::decode(bad, "list", KeyKind::Text),
                    Err(QueryError::BadCursor)
                ),
                "{bad}"
            );
        }
        let beyond = cursor(Key::Text(i64::MAX.to_string())).encode("list");
        assert!(Cursor::decode(&beyond, "list", KeyKind::Instant).is_err());
        let infinite = cursor(Key::Text(f32::INFINITY.to_bits().to_string())).encode("list");
        assert!(Cursor::decode(&infinite, "list", KeyKind::Rank).is_err());
    }
}
