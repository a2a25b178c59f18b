//! The formats in which most systems write a date and a time.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Offset, Utc};

use super::{DayOrMonth, Local};

pub(super) fn read(text: &str, order: DayOrMonth) -> Option<Local> {
    let (date, rest) = match numbers(text) {
        Some((numbers, rest)) => (numbers.date(order)?, rest),
        None => with_month_name(text)?,
    };
    let (time, offset) = time(rest)?;
    Some((date.and_time(time), offset))
}

/// The first two numbers of a date, if only the file as a whole can tell which is the day and which the month.
pub(super) fn day_and_month(text: &str) -> Option<(u32, u32)> {
    match numbers(text)?.0 {
        Numbers::YearLast { first, second, .. } => Some((first, second)),
        Numbers::YearFirst { .. } | Numbers::Points { .. } => None,
    }
}

/// `1 Dec 2010`, `01-Dec-10`, `Dec 1, 2010`, `Wed, 01 Dec 2010`.
fn with_month_name(text: &str) -> Option<(NaiveDate, &str)> {
    const FORMATS: [&str; 6] = [
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%b %d, %Y",
        "%a, %d %b %Y",
        "%a %b %d %Y",
    ];
    FORMATS
        .iter()
        .filter_map(|format| NaiveDate::parse_and_remainder(text, format).ok())
        // For `%Y` chrono also accepts the year 10.
        .find(|(date, _)| date.year() >= 1000)
}

/// Three numbers with `-`, `/` or `.` between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    YearFirst {
        year: u32,
        month: u32,
        day: u32,
    },
    /// Separated by points; then the day is first.
    Points {
        day: u32,
        month: u32,
        year: u32,
    },
    YearLast {
        first: u32,
        second: u32,
        year: u32,
    },
}

impl Numbers {
    fn date(self, order: DayOrMonth) -> Option<NaiveDate> {
        let (year, month, day) = match (self, order) {
            (Numbers::YearFirst { year, month, day } | Numbers::Points { day, month, year }, _) => {
                (year, month, day)
            }
            (
                Numbers::YearLast {
                    first,
                    second,
                    year,
                },
                DayOrMonth::DayFirst,
            ) => (year, second, first),
            (
                Numbers::YearLast {
                    first,
                    second,
                    year,
                },
                DayOrMonth::MonthFirst,
            ) => (year, first, second),
        };
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
    }
}

/// The numbers at the beginning of a date, and what follows them.
fn numbers(text: &str) -> Option<(Numbers, &str)> {
    let (first, rest) = digits(text, 4)?;
    let separator = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '-' | '/' | '.'))?;
    let (second, rest) = digits(rest.strip_prefix(separator)?, 2)?;
    let (third, rest) = digits(rest.strip_prefix(separator)?, 4)?;
    if first.len() == 4 && third.len() <= 2 {
        let (year, month, day) = (value(first)?, value(second)?, value(third)?);
        return Some((Numbers::YearFirst { year, month, day }, rest));
    }
    let year = match third.len() {
        4 => value(third)?,
        // The same rule as in spreadsheets.
        2 => value(third).map(|year| if year < 70 { 2000 + year } else { 1900 + year })?,
        _ => return None,
    };
    if first.len() > 2 {
        return None;
    }
    let (first, second) = (value(first)?, value(second)?);
    let numbers = if separator == '.' {
        Numbers::Points {
            day: first,
            month: second,
            year,
        }
    } else {
        Numbers::YearLast {
            first,
            second,
            year,
        }
    };
    Some((numbers, rest))
}

/// One to `most` digits.
fn digits(text: &str, most: usize) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    (1..=most).contains(&end).then(|| text.split_at(end))
}

fn value(digits: &str) -> Option<u32> {
    digits.parse().ok()
}

/// `8:26`, `08:26:00.123`, `8:26:00 PM`, each with an offset or without; an empty text means midnight.
fn time(text: &str) -> Option<(NaiveTime, Option<FixedOffset>)> {
    let text = text.trim_start_matches([' ', 'T', ',']).trim_end();
    if text.is_empty() {
        return Some((NaiveTime::MIN, None));
    }
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2)?,
        None => ("0", rest),
    };
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => digits(rest, 9)?,
        None => ("", rest),
    };
    let nanosecond = format!("{fraction:0<9}").parse().ok()?;
    let (hour, rest) = twelve_hours(value(hour)?, rest.trim_start())?;
    let time = NaiveTime::from_hms_nano_opt(hour, value(minute)?, value(second)?, nanosecond)?;
    Some((time, offset(rest)?))
}

fn twelve_hours(hour: u32, rest: &str) -> Option<(u32, &str)> {
    let (half, rest) = match rest.get(..2).map(str::to_ascii_uppercase).as_deref() {
        Some("AM") => (0, &rest[2..]),
        Some("PM") => (12, &rest[2..]),
        _ => return Some((hour, rest)),
    };
    (1..=12)
        .contains(&hour)
        .then(|| (hour % 12 + half, rest.trim_start()))
}

fn offset(text: &str) -> Option<Option<FixedOffset>> {
    match text {
        "" => return Some(None),
        "Z" | "z" | "UTC" | "GMT" => return Some(Some(Utc.fix())),
        _ => {}
    }
    let at = format!("2000-01-01 00:00 {text}");
    let at = DateTime::parse_from_str(&at, "%Y-%m-%d %H:%M %#z").ok()?;
    Some(Some(*at.offset()))
}
