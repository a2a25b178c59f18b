//! Days, weeks and months in a time zone, as instants.
//!
//! An interval lasts from the beginning of its first day to the beginning of the next interval's first
//! day. A day begins with its first instant in the zone, which is not midnight if clocks are put forward
//! then.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    Day,
    /// Weeks begin on Monday.
    Week,
    Month,
}

/// An interval's first day, and the instant when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) date: NaiveDate,
    pub(super) at: DateTime<Utc>,
}

/// The intervals that overlap `from..to`.
pub(super) struct Calendar {
    starts: Vec<Start>,
}

impl Calendar {
    pub(super) fn new(
        interval: Interval,
        zone: Tz,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Calendar {
        let mut date = interval.first_day(from.with_timezone(&zone).date_naive());
        let mut starts: Vec<Start> = Vec::new();
        loop {
            let at = day_start(date, zone);
            if at >= to && !starts.is_empty() {
                return Calendar { starts };
            }
            // A day that a zone skipped begins when the next one does, and holds nothing.
            starts.pop_if(|before| before.at >= at);
            starts.push(Start { date, at });
            let Some(next) = interval.next(date) else {
                return Calendar { starts };
            };
            date = next;
        }
    }

    /// The bounds for `width_bucket`, which numbers the intervals from 1.
    pub(super) fn instants(&self) -> Vec<DateTime<Utc>> {
        self.starts.iter().map(|start| start.at).collect()
    }

    pub(super) fn numbered(&self, number: i32) -> Option<Start> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.starts.get(index).copied()
    }
}

impl Interval {
    fn first_day(self, date: NaiveDate) -> NaiveDate {
        let back = match self {
            Interval::Day => 0,
            Interval::Week => date.weekday().num_days_from_monday(),
            Interval::Month => date.day0(),
        };
        date.checked_sub_days(Days::new(u64::from(back)))
            .unwrap_or(date)
    }

    fn next(self, first_day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Interval::Day => first_day.succ_opt(),
            Interval::Week => first_day.checked_add_days(Days::new(7)),
            Interval::Month => first_day.checked_add_months(Months::new(1)),
        }
    }
}

/// The first instant of a day in `zone`.
pub fn day_start(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    // If clocks were put forward at midnight, or a whole day was skipped, the day begins at the first
    // time that exists. No zone ever skipped more than a day.
    let quarters = (0..=100).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
    let exists = quarters
        .filter_map(|local| zone.from_local_datetime(&local).earliest())
        .next();
    exists.map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(interval: Interval, zone: Tz, from: &str, to: &str) -> Vec<String> {
        let calendar = Calendar::new(interval, zone, from.parse().unwrap(), to.parse().unwrap());
        let shown = |at: DateTime<Utc>| at.format("%m-%dT%H:%M").to_string();
        let starts = calendar.starts.iter();
        starts.map(|start| shown(start.at)).collect()
    }

    #[test]
    fn days_are_as_long_as_the_clocks_say() {
        let london = starts(
            Interval::Day,
            Tz::Europe__London,
            "2011-03-26T12:00:00Z",
            "2011-03-27T23:00:01Z",
        );
        assert_eq!(london, ["03-26T00:00", "03-27T00:00", "03-27T23:00"]);
        let kathmandu = starts(
            Interval::Day,
            Tz::Asia__Kathmandu,
            "2011-03-26T18:14:59Z",
            "2011-03-26T18:15:01Z",
        );
        assert_eq!(kathmandu, ["03-25T18:15", "03-26T18:15"]);
    }

    #[test]
    fn a_day_without_midnight_begins_later() {
        let date = NaiveDate::from_ymd_opt(2011, 10, 16).unwrap();
        let start = day_start(date, Tz::America__Sao_Paulo);
        assert_eq!(start.to_rfc3339(), "2011-10-16T03:00:00+00:00");
    }

    /// Samoa went from the 29th to the 31st of December 2011.
    #[test]
    fn a_day_that_was_left_out_is_none() {
        let (from, to) = ("2011-12-30T00:00:00Z", "2011-12-31T23:00:00Z");
        let calendar = Calendar::new(
            Interval::Day,
            Tz::Pacific__Apia,
            from.parse().unwrap(),
            to.parse().unwrap(),
        );
        let dates: Vec<String> = calendar
            .starts
            .iter()
            .map(|start| start.date.to_string())
            .collect();
        assert_eq!(dates, ["2011-12-29", "2011-12-31", "2012-01-01"]);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let weeks = starts(
            Interval::Week,
            Tz::UTC,
            "2011-01-02T23:59:59Z",
            "2011-01-03T00:00:01Z",
        );
        assert_eq!(weeks, ["12-27T00:00", "01-03T00:00"]);
        let months = starts(
            Interval::Month,
            Tz::Europe__London,
            "2011-03-01T00:00:00Z",
            "2011-03-31T23:00:01Z",
        );
        assert_eq!(months, ["03-01T00:00", "03-31T23:00"]);
    }
}
