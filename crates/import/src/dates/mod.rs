//! Reads when an order was placed, in the formats of other shops.

mod usual;

use std::fmt;

use chrono::format::{Item, StrftimeItems};
use chrono::{
    DateTime, Duration, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
    Utc,
};
use chrono_tz::Tz;

/// Whether `3/4/2011` is in April or in March.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayOrMonth {
    DayFirst,
    MonthFirst,
}

/// How to read a file's dates.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// In chrono's strftime syntax.
    Given(String),
    Usual(DayOrMonth),
}

/// A format that chrono cannot read.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a date format; write it like \"%d/%m/%Y %H:%M\"")]
pub struct BadFormat(String);

/// Parses the value of `--date-format`.
pub fn given(format: &str) -> Result<String, BadFormat> {
    if StrftimeItems::new(format).any(|item| item == Item::Error) {
        return Err(BadFormat(format.to_owned()));
    }
    Ok(format.to_owned())
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Given(format) => write!(f, "as {format}"),
            Format::Usual(DayOrMonth::DayFirst) => f.write_str("day first"),
            Format::Usual(DayOrMonth::MonthFirst) => f.write_str("month first"),
        }
    }
}

impl Format {
    /// The instant; a local time is taken as one in `zone`.
    pub(crate) fn read(&self, text: &str, zone: Tz) -> Option<DateTime<Utc>> {
        let (local, offset) = match self {
            Format::Given(format) => by_format(text, format)?,
            Format::Usual(order) => usual::read(text, *order)?,
        };
        match offset {
            Some(offset) => Some(offset.from_local_datetime(&local).single()?.to_utc()),
            None => in_zone(local, zone),
        }
    }
}

/// Looks at all dates, to find out which number is the day and which the month.
#[derive(Debug, Default)]
pub(crate) struct DateSurvey {
    day_first: Option<String>,
    month_first: Option<String>,
    either: Option<String>,
}

/// Why a file's dates cannot be read with certainty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmbiguousDates {
    #[error("{0} may be day/month or month/day, and so may every date of the file")]
    Either(String),
    #[error("{day_first} has the day first and {month_first} the month")]
    Both {
        day_first: String,
        month_first: String,
    },
}

impl AmbiguousDates {
    pub fn remedy(&self) -> &'static str {
        match self {
            AmbiguousDates::Either(_) => {
                "say which with --date-format \"%d/%m/%Y %H:%M\" or \"%m/%d/%Y %H:%M\"; nothing was imported"
            }
            AmbiguousDates::Both { .. } => {
                "say which is right with --date-format, and the others are rejected; nothing was imported"
            }
        }
    }
}

impl DateSurvey {
    pub(crate) fn observe(&mut self, text: &str) {
        let Some(numbers) = usual::day_and_month(text) else {
            return;
        };
        let seen = match numbers {
            (13.., 1..=12) => &mut self.day_first,
            (1..=12, 13..) => &mut self.month_first,
            (first, second) if first != second => &mut self.either,
            _ => return,
        };
        seen.get_or_insert_with(|| text.to_owned());
    }

    pub(crate) fn decide(self) -> Result<DayOrMonth, AmbiguousDates> {
        match (self.day_first, self.month_first, self.either) {
            (Some(day_first), Some(month_first), _) => Err(AmbiguousDates::Both {
                day_first,
                month_first,
            }),
            (None, Some(_), _) => Ok(DayOrMonth::MonthFirst),
            (None, None, Some(text)) => Err(AmbiguousDates::Either(text)),
            (_, None, _) => Ok(DayOrMonth::DayFirst),
        }
    }
}

/// A local time, with an offset if the text has one.
type Local = (NaiveDateTime, Option<FixedOffset>);

fn by_format(text: &str, format: &str) -> Option<Local> {
    if let Ok(at) = DateTime::parse_from_str(text, format) {
        return Some((at.naive_local(), Some(*at.offset())));
    }
    let local = NaiveDateTime::parse_from_str(text, format).or_else(|_| {
        NaiveDate::parse_from_str(text, format).map(|date| date.and_time(NaiveTime::MIN))
    });
    Some((local.ok()?, None))
}

/// A local time that occurred twice means the first one; one that was skipped is read with the offset before the
/// change.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let instant = |local| match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
        LocalResult::None => None,
    };
    instant(local).or_else(|| {
        let before = instant(local - Duration::hours(3))?;
        Some(before + Duration::hours(3))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: DayOrMonth) -> Option<String> {
        let at = Format::Usual(order).read(text, Tz::UTC)?;
        Some(at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
    }

    #[test]
    fn common_ways_to_write_a_date_are_read() {
        for (text, expected) in [
            ("2010-12-01 08:26:00", "2010-12-01T08:26:00Z"),
            ("2010-12-01T08:26:00Z", "2010-12-01T08:26:00Z"),
            ("2010-12-01T08:26:00.250+01:00", "2010-12-01T07:26:00.250Z"),
            ("2010-12-01 08:26:00 -0500", "2010-12-01T13:26:00Z"),
            ("2010-12-01 08:26:00 UTC", "2010-12-01T08:26:00Z"),
            ("2010/12/01 8:26", "2010-12-01T08:26:00Z"),
            ("2010-12-01", "2010-12-01T00:00:00Z"),
            ("01.12.2010 08:26", "2010-12-01T08:26:00Z"),
            ("1.12.10", "2010-12-01T00:00:00Z"),
            ("1/12/2010 8:26", "2010-12-01T08:26:00Z"),
            ("1-12-2010, 8:26:05 pm", "2010-12-01T20:26:05Z"),
            ("1/12/2010 12:05 AM", "2010-12-01T00:05:00Z"),
            ("1 Dec 2010 08:26", "2010-12-01T08:26:00Z"),
            ("01-Dec-10", "2010-12-01T00:00:00Z"),
            ("Dec 1, 2010 8:26 AM", "2010-12-01T08:26:00Z"),
            ("Wed, 01 Dec 2010 08:26:00 +0000", "2010-12-01T08:26:00Z"),
        ] {
            assert_eq!(
                read(text, DayOrMonth::DayFirst).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        let american = read("12/1/10 8:26", DayOrMonth::MonthFirst);
        assert_eq!(american.as_deref(), Some("2010-12-01T08:26:00Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "2010-13-01",
            "2010-02-30",
            "31/31/2010",
            "2010-12-01 25:00",
            "2010-12-01 08",
            "1/2-2010",
            "40544.5",
            "2010-12-01 13:00 PM",
            "12345-01-01",
            "2010-12-01 08:26 Europe/Paris",
        ] {
            assert_eq!(read(text, DayOrMonth::DayFirst), None, "{text}");
        }
    }

    #[test]
    fn days_and_months_are_told_apart_by_the_whole_file() {
        let decide = |texts: &[&str]| {
            let mut survey = DateSurvey::default();
            texts.iter().for_each(|text| survey.observe(text));
            survey.decide()
        };
        assert_eq!(
            decide(&["03/04/2011", "13/04/2011"]),
            Ok(DayOrMonth::DayFirst)
        );
        assert_eq!(
            decide(&["3/4/11 9:00", "3/14/11 9:00"]),
            Ok(DayOrMonth::MonthFirst)
        );
        assert_eq!(
            decide(&["2011-03-04", "5/5/2011"]),
            Ok(DayOrMonth::DayFirst)
        );
        assert_eq!(decide(&["03.04.2011"]), Ok(DayOrMonth::DayFirst));
        assert_eq!(
            decide(&["03/04/2011"]),
            Err(AmbiguousDates::Either("03/04/2011".into()))
        );
        assert!(matches!(
            decide(&["13/04/2011", "04/13/2011"]),
            Err(AmbiguousDates::Both { .. })
        ));
    }

    #[test]
    fn a_format_may_be_given() {
        let format = Format::Given(given("%d/%m/%Y %Hh%M").unwrap());
        let at = format.read("03/04/2011 09h30", Tz::UTC).unwrap();
        assert_eq!(at.to_rfc3339(), "2011-04-03T09:30:00+00:00");
        assert_eq!(format.read("2011-04-03 09:30", Tz::UTC), None);
        let dates = Format::Given(given("%Y%m%d").unwrap());
        assert!(dates.read("20110403", Tz::UTC).is_some());
        let offsets = Format::Given(given("%Y-%m-%d %H:%M %z").unwrap());
        let at = offsets.read("2011-04-03 09:30 +0200", Tz::UTC).unwrap();
        assert_eq!(at.to_rfc3339(), "2011-04-03T07:30:00+00:00");
        assert!(given("%Y-%!").is_err());
    }

    #[test]
    fn local_times_are_of_the_zone_also_when_its_clocks_change() {
        let zone: Tz = "Europe/London".parse().unwrap();
        let read = |text: &str| {
            let at = Format::Usual(DayOrMonth::DayFirst)
                .read(text, zone)
                .unwrap();
            at.format("%H:%M").to_string()
        };
        assert_eq!(read("2011-01-01 12:00"), "12:00");
        assert_eq!(read("2011-07-01 12:00"), "11:00");
        assert_eq!(read("2011-10-30 01:30"), "00:30", "the first of two");
        assert_eq!(
            read("2011-03-27 01:30"),
            "01:30",
            "an hour that was skipped"
        );
    }
}
