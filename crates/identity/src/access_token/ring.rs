//! Which key signs, and which are trusted. Keys follow one another: each signs from the instant in its file until the
//! next one does, and is trusted until the last token that it may have signed has expired. A key exists before its
//! instant comes, so that every server trusts it before any server signs with it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::TokenKeyError;
use super::key::{Key, LEEWAY_S};

/// The longest that an access token may be valid.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// All keys, in the order in which they sign; at least one.
pub struct KeyRing(Vec<RingKey>);

pub struct RingKey {
    pub key: Key,
    pub signs_from: DateTime<Utc>,
    /// `None` if no key follows it.
    pub trusted_until: Option<DateTime<Utc>>,
}

impl KeyRing {
    pub fn new(
        keys: impl IntoIterator<Item = (DateTime<Utc>, Key)>,
    ) -> Result<KeyRing, TokenKeyError> {
        let mut ring: Vec<RingKey> = keys
            .into_iter()
            .map(|(signs_from, key)| RingKey {
                key,
                signs_from,
                trusted_until: None,
            })
            .collect();
        ring.sort_by_key(|key| key.signs_from);
        let successors: Vec<DateTime<Utc>> =
            ring.iter().skip(1).map(|key| key.signs_from).collect();
        for (key, succeeded_at) in ring.iter_mut().zip(successors) {
            key.trusted_until =
                Some(succeeded_at + LONGEST_LIFETIME + Duration::from_secs(LEEWAY_S));
        }
        match ring.is_empty() {
            true => Err(TokenKeyError::NoKey),
            false => Ok(KeyRing(ring)),
        }
    }

    pub fn keys(&self) -> &[RingKey] {
        &self.0
    }

    /// The newest key whose instant has come. If there is none, a clock is wrong and the oldest key signs.
    pub(super) fn signing(&self, now: DateTime<Utc>) -> &Key {
        let come = self.0.iter().rfind(|key| key.signs_from <= now);
        &come.unwrap_or(&self.0[0]).key
    }

    /// The keys that are trusted now, including those that will sign later.
    pub(super) fn trusted(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| key.is_trusted(now))
            .map(|key| &key.key)
    }

    pub(super) fn find(&self, id: &str, now: DateTime<Utc>) -> Option<&Key> {
        self.trusted(now).find(|key| **key.id() == *id)
    }

    fn terms(&self) -> impl Iterator<Item = (&Arc<str>, DateTime<Utc>)> {
        self.0.iter().map(|key| (key.key.id(), key.signs_from))
    }
}

impl RingKey {
    pub fn is_trusted(&self, now: DateTime<Utc>) -> bool {
        self.trusted_until.is_none_or(|until| now < until)
    }
}

/// Two rings are equal if they have the same keys with the same instants.
impl PartialEq for KeyRing {
    fn eq(&self, other: &KeyRing) -> bool {
        self.terms().eq(other.terms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn ring<const N: usize>(instants: [i64; N]) -> KeyRing {
        let key = || Key::from_pkcs8(&Key::generate().unwrap()).unwrap();
        KeyRing::new(instants.map(|instant| (at(instant), key()))).unwrap()
    }

    #[test]
    fn the_newest_key_whose_instant_has_come_signs() {
        let ring = ring([600, 0]);
        let signing = |seconds| Arc::clone(ring.signing(at(seconds)).id());
        let (first, second) = (ring.keys()[0].key.id(), ring.keys()[1].key.id());
        assert_eq!([&signing(0), &signing(599)], [first, first]);
        assert_eq!([&signing(600), &signing(9_999)], [second, second]);
        assert_eq!(&signing(-1), first, "a clock that is wrong signs too");
    }

    #[test]
    fn a_key_is_trusted_before_it_signs_and_until_its_last_token_has_expired() {
        let ring = ring([0, 600]);
        let trusted = |seconds| ring.trusted(at(seconds)).count();
        let last = 600 + 3_600 + LEEWAY_S as i64;
        assert_eq!([trusted(-1), trusted(0), trusted(last - 1)], [2, 2, 2]);
        assert_eq!([trusted(last), trusted(i64::from(u32::MAX))], [1, 1]);
        let old = ring.keys()[0].key.id();
        assert!(ring.find(old, at(last - 1)).is_some() && ring.find(old, at(last)).is_none());
    }

    #[test]
    fn there_is_no_ring_without_a_key() {
        assert!(matches!(KeyRing::new([]), Err(TokenKeyError::NoKey)));
    }
}
