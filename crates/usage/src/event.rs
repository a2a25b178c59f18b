use std::ops::RangeInclusive;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use uuid::Uuid;

/// One event, borrowed from the batch that brought it.
#[derive(Debug)]
pub struct UsageEvent<'a> {
    pub id: Uuid,
    /// By the visitor's clock; must be within [`Times`].
    pub at: DateTime<Utc>,
    pub session_id: &'a str,
    pub user_id: Option<Uuid>,
    pub event_type: &'a str,
    /// The whole event, stored exactly as it came.
    pub json: &'a str,
}

impl UsageEvent<'_> {
    /// The day of the partition that it goes into.
    pub(crate) fn day(&self) -> NaiveDate {
        self.at.date_naive()
    }
}

/// The allowed instants of an event. Visitors' clocks are wrong, but an event that is off by more would
/// only create useless partitions: each day is one.
pub struct Times(RangeInclusive<DateTime<Utc>>);

impl Times {
    pub fn around(now: DateTime<Utc>) -> Times {
        Times(now - Duration::days(366)..=now + Duration::hours(1))
    }

    pub fn contain(&self, at: DateTime<Utc>) -> bool {
        self.0.contains(&at)
    }
}
