//! The period of a report: `from` inclusive, `to` exclusive, with the days of a time zone.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use daybook_projections::analytics::{Window, day_start};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::invalid_parameter;
use crate::problem::{ApiResult, Problem};

/// A window as the query string has it. Reports with more parameters repeat the fields and leave their
/// description to this.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct WindowQuery {
    /// Inclusive: an RFC 3339 instant, or a date, which is its first instant in the time zone. Without it: from the
    /// beginning.
    #[param(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$", example = "2010-12-01")]
    pub(super) from: Option<String>,
    /// Exclusive, like `from`. Without it: to the end.
    #[param(
        pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$",
        example = "2011-12-09T12:50:00Z"
    )]
    pub(super) to: Option<String>,
    /// Whose days and months they are, by its IANA name. Without it: UTC.
    #[param(min_length = 1, example = "Europe/London")]
    pub(super) time_zone: Option<String>,
}

impl WindowQuery {
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
    let detail = "Give a date, 2011-12-09, or an RFC 3339 instant, 2011-12-09T12:50:00Z; \
                  in a URL, + is written %2B.";
    date(text)
        .map(|date| day_start(date, zone))
        .or_else(|| instant(text))
        .map(Some)
        .ok_or_else(|| invalid_parameter(pointer, "invalid-value", detail))
}

/// Exactly ten characters, because chrono would accept other texts as a date, too.
fn date(text: &str) -> Option<NaiveDate> {
    let is_plain = text.len() == 10 && text.starts_with(|first: char| first.is_ascii_digit());
    is_plain
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}

/// chrono accepts other separators than T, too.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    (text.get(10..11) == Some("T")).then(|| at.to_utc())
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
        let asked = WindowQuery {
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
            ("", "2011-12-09 12:50:00Z", ""),
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
