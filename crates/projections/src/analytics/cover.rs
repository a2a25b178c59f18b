//! Covers a window of time with sums over whole units, and with the parts that they leave out.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

const QUARTER_S: i64 = 15 * 60;

/// The time that a report is about: from inclusive, to exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// `None`: from the beginning.
    pub from: Option<DateTime<Utc>>,
    /// `None`: to the end.
    pub to: Option<DateTime<Utc>>,
}

/// The units of time for which sums are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Quarter,
    Month,
}

/// Sums over the units that begin in `from..to`, corrected by the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) parts: Vec<Part>,
}

/// How often to count what happened in `from..to`: once more (1), or once less (-1) if the sums include
/// it with a whole unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) times: i64,
}

impl Window {
    /// Both bounds, as instants that the database can represent.
    pub(super) fn bounds(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let year = |year| {
            let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
            first.and_time(NaiveTime::MIN).and_utc()
        };
        (
            self.from.unwrap_or_else(|| year(-4000)),
            self.to.unwrap_or_else(|| year(20_000)),
        )
    }

    /// The part of the window that lies in `from..to`, if any does.
    pub(super) fn within(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let (own_from, own_to) = self.bounds();
        let (from, to) = (own_from.max(from), own_to.min(to));
        (from < to).then_some((from, to))
    }

    /// Covers the window by the nearest boundaries of units, or directly if that needs fewer rows.
    pub(super) fn cover(&self, unit: Unit) -> Cover {
        let (from, to) = self.bounds();
        let (first, last) = (unit.nearest(from), unit.nearest(to));
        let beside = (from - first).abs() + (to - last).abs();
        if to - from <= beside {
            let parts = Vec::from_iter(Part::new(from, to, 1));
            return Cover {
                from,
                to: from,
                parts,
            };
        }
        let begin = Part::new(from, first, 1).or(Part::new(first, from, -1));
        let end = Part::new(last, to, 1).or(Part::new(to, last, -1));
        Cover {
            from: first,
            to: last,
            parts: begin.into_iter().chain(end).collect(),
        }
    }
}

impl Part {
    fn new(from: DateTime<Utc>, to: DateTime<Utc>, times: i64) -> Option<Part> {
        (from < to).then_some(Part { from, to, times })
    }
}

impl Unit {
    /// When the unit that holds `at` began (UTC).
    pub(super) fn start(self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Unit::Quarter => {
                let seconds = at.timestamp().div_euclid(QUARTER_S) * QUARTER_S;
                DateTime::from_timestamp(seconds, 0).unwrap_or(at)
            }
            Unit::Month => month(at).and_time(NaiveTime::MIN).and_utc(),
        }
    }

    fn nearest(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let start = self.start(at);
        let next = match self {
            Unit::Quarter => start.checked_add_signed(TimeDelta::seconds(QUARTER_S)),
            Unit::Month => start.checked_add_months(Months::new(1)),
        };
        next.filter(|next| *next - at < at - start).unwrap_or(start)
    }
}

/// The first day of the month (UTC) that `at` is in.
pub(super) fn month(at: DateTime<Utc>) -> NaiveDate {
    let date = at.date_naive();
    date.with_day(1).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn cover(unit: Unit, from: &str, to: &str) -> Cover {
        let window = Window {
            from: Some(at(from)),
            to: Some(at(to)),
        };
        window.cover(unit)
    }

    #[test]
    fn whole_units_need_no_parts() {
        let year = cover(Unit::Month, "2011-01-01T00:00:00Z", "2012-01-01T00:00:00Z");
        assert_eq!(
            (year.from, year.to),
            (at("2011-01-01T00:00:00Z"), at("2012-01-01T00:00:00Z"))
        );
        assert_eq!(year.parts, []);
        assert_eq!(Window::default().cover(Unit::Quarter).parts, []);
    }

    #[test]
    fn the_nearest_boundary_is_taken_and_put_right() {
        let cover = cover(Unit::Month, "2011-01-25T12:00:00Z", "2011-04-20T00:00:00Z");
        assert_eq!(
            (cover.from, cover.to),
            (at("2011-02-01T00:00:00Z"), at("2011-05-01T00:00:00Z"))
        );
        let parts = [
            Part {
                from: at("2011-01-25T12:00:00Z"),
                to: at("2011-02-01T00:00:00Z"),
                times: 1,
            },
            Part {
                from: at("2011-04-20T00:00:00Z"),
                to: at("2011-05-01T00:00:00Z"),
                times: -1,
            },
        ];
        assert_eq!(cover.parts, parts);
    }

    #[test]
    fn a_short_window_is_looked_at_directly() {
        let (from, to) = ("2011-01-13T00:00:00Z", "2011-01-18T00:00:00Z");
        let cover = cover(Unit::Month, from, to);
        assert_eq!(cover.from, cover.to);
        assert_eq!(
            cover.parts,
            [Part {
                from: at(from),
                to: at(to),
                times: 1
            }]
        );
    }

    /// Counting instants here stands for summing what happened at them.
    #[test]
    fn every_instant_of_the_window_counts_once() {
        let minutes = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_minutes();
        let begin = at("2011-01-01T00:00:00Z");
        for (unit, step) in [(Unit::Quarter, 4), (Unit::Month, 4 * 24 * 60)] {
            for first in 0..30 {
                for length in 1..30 {
                    let from = begin + TimeDelta::minutes(first * step);
                    let to = from + TimeDelta::minutes(length * step);
                    let window = Window {
                        from: Some(from),
                        to: Some(to),
                    };
                    let cover = window.cover(unit);
                    let parts: i64 = cover
                        .parts
                        .iter()
                        .map(|part| part.times * minutes(part.from, part.to))
                        .sum();
                    assert_eq!(minutes(cover.from, cover.to) + parts, length * step);
                    assert!(cover.parts.len() <= 2);
                }
            }
        }
    }
}
