use std::ops::RangeInclusive;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use uuid::Uuid;

/// One event, borrowed from the batch that brought it.
#[derive(Debug)]
pub struct UsageEvent<'a> {
    pub id: Uuid,
    /// By the visitor's clock; within [`Times`].
    pub at: DateTime<Utc>,
    pub session_id: &'a str,
    pub user_id: Option<Uuid>,
    pub event_type: &'a str,
    /// The whole event, kept to the byte.
    pub json: &'a str,
}

impl UsageEvent<'_> {
    /// The day whose partition it goes into.
    pub(crate) fn day(&self) -> NaiveDate {
        self.at.date_naive()
    }
}

/// The instants that an event may bear. Clocks of visitors are wrong, but one that is off by more
/// would only litter: each day is a partition.
pub struct Times(RangeInclusive<DateTime<Utc>>);

impl Times {
    pub fn around(now: DateTime<Utc>) -> Times {
        Times(now - Duration::days(366)..=now + Duration::hours(1))
    }

    pub fn contain(&self, at: DateTime<Utc>) -> bool {
        self.0.contains(&at)
    }
}
