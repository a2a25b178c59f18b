//! What a report is about: `from` inclusive, `to` exclusive, days as a time zone has them.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use daybook_projections::analytics::{Window, day_start};

use crate::extract::invalid_parameter;
use crate::problem::{ApiResult, Problem};

/// A window as the query string has it.
pub(super) struct Asked {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) time_zone: Option<String>,
}

impl Asked {
    pub(super) fn window(&self) -> ApiResult<(Window, Tz)> {
        let zone = match &self.time_zone {
            Some(name) => name.parse().map_err(|_| unknown_zone())?,
            None => Tz::UTC,
        };
        let from = bound("/from", self.from.as_deref(), zone)?;
        let to = bound("/to", self.to.as_deref(), zone)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            let detail = "to comes after from.";
            return Err(invalid_parameter("/to", "out-of-range", detail));
        }
        Ok((Window { from, to }, zone))
    }
}

fn bound(pointer: &str, text: Option<&str>, zone: Tz) -> ApiResult<Option<DateTime<Utc>>> {
    let Some(text) = text else { return Ok(None) };
    let instant = date(text)
        .map(|date| day_start(date, zone))
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc()));
    let detail = "Give a date, 2011-12-09, or an RFC 3339 instant, 2011-12-09T12:50:00Z; \
                  in a URL, + is written %2B.";
    instant
        .map(Some)
        .ok_or_else(|| invalid_parameter(pointer, "invalid-value", detail))
}

/// Ten characters, and no others that chrono would take for a date.
fn date(text: &str) -> Option<NaiveDate> {
    let is_plain = text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit());
    is_plain
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}

fn unknown_zone() -> Problem {
    let detail = "Give a time zone by its IANA name, such as Europe/London.";
    invalid_parameter("/timeZone", "unknown-value", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str, zone: &str) -> ApiResult<(String, String)> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let asked = Asked {
            from: given(from),
            to: given(to),
            time_zone: given(zone),
        };
        let shown = |at: Option<DateTime<Utc>>| {
            at.map_or(String::new(), |at| at.format("%FT%T%.f").to_string())
        };
        let (window, _) = asked.window()?;
        Ok((shown(window.from), shown(window.to)))
    }

    #[test]
    fn dates_are_midnight_in_the_zone_and_instants_are_themselves() {
        for (asked, expected) in [
            (("", "", ""), ("", "")),
            (
                ("2011-03-27", "2011-03-28", ""),
                ("2011-03-27T00:00:00", "2011-03-28T00:00:00"),
            ),
            (
                ("2011-03-27", "2011-03-28", "Europe/London"),
                ("2011-03-27T00:00:00", "2011-03-27T23:00:00"),
            ),
            (
                ("2011-03-27", "", "Asia/Kathmandu"),
                ("2011-03-26T18:15:00", ""),
            ),
            (
                (
                    "2011-03-27T12:00:00+01:00",
                    "2011-03-27T11:00:00.5Z",
                    "Asia/Kathmandu",
                ),
                ("2011-03-27T11:00:00", "2011-03-27T11:00:00.500"),
            ),
        ] {
            let (from, to) = window(asked.0, asked.1, asked.2).unwrap();
            assert_eq!((from.as_str(), to.as_str()), expected, "{asked:?}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (from, to, zone) in [
            ("yesterday", "", ""),
            ("2011-02-29", "", ""),
            ("+2011-1-01", "", ""),
            ("2011-1-001", "", ""),
            ("", "2011-12-09T12:50:00", ""),
            ("", "2011-12-09T12:50:00 01:00", ""),
            ("2011-12-09", "2011-12-09", ""),
            ("2011-12-09", "2011-12-08", ""),
            ("", "", "Mars/Olympus"),
            ("", "", "+01:00"),
        ] {
            let refused = window(from, to, zone).unwrap_err();
            assert_eq!(
                (refused.status().as_u16(), refused.code()),
                (422, "invalid-parameter")
            );
        }
    }
}
