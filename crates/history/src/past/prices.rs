//! What a product cost, and the prior price that Directive 98/6/EC, article 6a, requires with every price reduction:
//! the lowest price that was applied during the 30 days before it.
//!
//! A price applies from the instant at which it was set up to, and not including, the instant at which the next one was
//! set. A price that was replaced at the same instant was never applied. Prices follow each other as they do in the log:
//! where a clock stepped back, a price that was charged keeps its place, if only with an instant that is about right.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::product::ProductEvent;
use daybook_domain::{Event, Money, ProductId, StreamId};
use daybook_log::{Feed, LogError, RecordedEvent};

/// How far back a prior price looks.
const PRIOR: TimeDelta = TimeDelta::days(30);
/// What a price applies for at least.
const MOMENT: TimeDelta = TimeDelta::milliseconds(1);
const CHUNK: i64 = 1_000;

/// A price and the time during which it applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: DateTime<Utc>,
    /// Exclusive. `None` means that it still applies.
    pub until: Option<DateTime<Utc>>,
    pub price: Money,
    /// Only if it was set below the price before it: the lowest price of the 30 days before that.
    pub prior_price: Option<Money>,
}

/// The prices of a product on sale, the oldest first. There is always at least one.
#[derive(Debug)]
pub struct PriceHistory(Vec<Period>);

/// `None` if there is no such product, or it was retired.
pub async fn price_history(feed: &Feed, id: ProductId) -> Result<Option<PriceHistory>, LogError> {
    let mut periods = Periods::default();
    let mut sequence = 0;
    loop {
        let events = feed
            .read_stream(StreamId::product(id), sequence, CHUNK)
            .await?;
        for event in &events {
            sequence = event.sequence;
            periods.apply(event);
        }
        if events.len() < CHUNK as usize {
            return Ok(periods.finish());
        }
    }
}

impl PriceHistory {
    pub fn periods(&self) -> &[Period] {
        &self.0
    }

    pub fn current(&self) -> Option<&Period> {
        self.0.last()
    }

    /// The lowest price that applied at any time in the 30 days up to and including `now`.
    pub fn lowest_of_30_days(&self, now: DateTime<Utc>) -> Option<Money> {
        let current = self.current()?;
        // After a clock stepped back, the current price may seem to begin in the future.
        lowest(&self.0, now.max(current.from))
            .into_iter()
            .chain([current.price])
            .min_by_key(|price| price.minor)
    }
}

#[derive(Default)]
struct Periods {
    periods: Vec<Period>,
    retired: bool,
}

/// When a price was set, by the server's clock and by the database's. Each may step back.
#[derive(Clone, Copy)]
struct SetAt {
    occurred: DateTime<Utc>,
    recorded: DateTime<Utc>,
}

impl Periods {
    fn apply(&mut self, recorded: &RecordedEvent) {
        let Event::Product(event) = &recorded.event else {
            return;
        };
        match event {
            ProductEvent::Created { price, .. } => self.set(*price, SetAt::of(recorded)),
            ProductEvent::Repriced { to, from: _ } => self.set(*to, SetAt::of(recorded)),
            ProductEvent::Retired => self.retired = true,
            ProductEvent::Described { .. } | ProductEvent::Categorised { .. } => {}
        }
    }

    fn set(&mut self, price: Money, at: SetAt) {
        let last = self.periods.last().map(|last| last.from);
        let from = at.following(last);
        self.periods.pop_if(|last| last.from == from);
        match self.periods.last_mut() {
            Some(last) if last.price == price => last.until = None,
            Some(last) => {
                last.until = Some(from);
                self.begin(price, from);
            }
            None => self.begin(price, from),
        }
    }

    fn begin(&mut self, price: Money, from: DateTime<Utc>) {
        let reduced = self
            .periods
            .last()
            .is_some_and(|last| price.minor < last.price.minor);
        let prior_price = reduced.then(|| lowest(&self.periods, from)).flatten();
        self.periods.push(Period {
            from,
            until: None,
            price,
            prior_price,
        });
    }

    fn finish(self) -> Option<PriceHistory> {
        let on_sale = !self.retired && !self.periods.is_empty();
        on_sale.then_some(PriceHistory(self.periods))
    }
}

impl SetAt {
    fn of(event: &RecordedEvent) -> SetAt {
        SetAt {
            occurred: event.occurred_at,
            recorded: event.recorded_at,
        }
    }

    /// From when the price applied if the one before it did from `last`: from when it was set, but neither before that
    /// one nor after it was recorded. Two prices of one and the same instant are the exception.
    fn following(self, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let in_turn = last.is_none_or(|last| self.occurred >= last);
        if in_turn && self.occurred <= self.recorded {
            return self.occurred;
        }
        last.map_or(self.recorded, |last| self.recorded.max(last + MOMENT))
    }
}

/// The lowest price that applied at any time in the 30 days before `end`. The periods follow each other without gaps.
fn lowest(periods: &[Period], end: DateTime<Utc>) -> Option<Money> {
    let start = end - PRIOR;
    periods
        .iter()
        .rev()
        .take_while(|period| period.until.is_none_or(|until| until > start))
        .filter(|period| period.from < end)
        .map(|period| period.price)
        .min_by_key(|price| price.minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euros(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    /// A history of prices that were set at these instants.
    fn history(set: &[(DateTime<Utc>, i64)]) -> PriceHistory {
        let set = set.iter().map(|(at, minor)| (*at, *at, *minor));
        recorded(&Vec::from_iter(set))
    }

    /// A history of prices that were set at these instants by the server's clock and by the database's.
    fn recorded(set: &[(DateTime<Utc>, DateTime<Utc>, i64)]) -> PriceHistory {
        let mut periods = Periods::default();
        for (occurred, recorded, minor) in set {
            let (occurred, recorded) = (*occurred, *recorded);
            periods.set(euros(*minor), SetAt { occurred, recorded });
        }
        periods.finish().unwrap()
    }

    fn shown(history: &PriceHistory) -> Vec<(DateTime<Utc>, Option<DateTime<Utc>>, i64)> {
        let periods = history.periods().iter();
        periods
            .map(|period| (period.from, period.until, period.price.minor))
            .collect()
    }

    /// The prior price of the last one.
    fn prior(set: &[(DateTime<Utc>, i64)]) -> Option<i64> {
        let history = history(set);
        Some(history.current()?.prior_price?.minor)
    }

    #[test]
    fn a_price_applies_until_the_next_is_set() {
        let history = history(&[(day(0), 1250), (day(1), 1500), (day(2), 1100)]);
        assert_eq!(
            shown(&history),
            [
                (day(0), Some(day(1)), 1250),
                (day(1), Some(day(2)), 1500),
                (day(2), None, 1100)
            ]
        );
    }

    #[test]
    fn the_prior_price_is_the_lowest_of_the_30_days_before() {
        assert_eq!(
            prior(&[(day(0), 1000), (day(40), 2000), (day(50), 1500)]),
            Some(1000)
        );
        assert_eq!(
            prior(&[
                (day(0), 1000),
                (day(10), 900),
                (day(20), 2000),
                (day(45), 1500)
            ]),
            Some(900),
            "what applied for a while within the window"
        );
        assert_eq!(
            prior(&[(day(0), 2000), (day(1), 1500)]),
            Some(2000),
            "on sale for a day"
        );
    }

    #[test]
    fn a_price_that_was_set_long_before_counts_while_it_applied() {
        let set = [(day(0), 1000), (day(400), 2000), (day(429), 1500)];
        assert_eq!(prior(&set), Some(1000));
    }

    #[test]
    fn the_window_begins_with_the_30th_day() {
        let reduced = |at| prior(&[(day(0), 1000), (day(10), 2000), (at, 1500)]);
        assert_eq!(reduced(day(40)), Some(2000), "it ended as the window began");
        assert_eq!(
            reduced(day(40) - MOMENT),
            Some(1000),
            "it was applied for a moment"
        );
    }

    #[test]
    fn only_a_reduction_has_a_prior_price() {
        assert_eq!(prior(&[(day(0), 1000)]), None);
        assert_eq!(prior(&[(day(0), 1000), (day(1), 1500)]), None);
    }

    #[test]
    fn a_price_that_never_applied_counts_for_nothing() {
        let set = [(day(0), 1000), (day(1), 1), (day(1), 900)];
        assert_eq!(prior(&set), Some(1000));
        assert_eq!(history(&set).periods().len(), 2);
        let taken_back = history(&[(day(0), 1000), (day(1), 1), (day(1), 1000)]);
        assert_eq!(taken_back.periods().len(), 1);
        assert_eq!(taken_back.periods()[0].until, None);
        let first = history(&[(day(0), 1), (day(0), 1000)]);
        assert_eq!(first.periods()[0].price, euros(1000));
    }

    #[test]
    fn what_was_charged_stays_although_the_servers_clock_stepped_back() {
        let hours = TimeDelta::hours;
        let history = recorded(&[
            (day(0), day(0), 10000),
            (day(1) + hours(2), day(1), 8000),
            (day(1) + hours(1), day(1) + hours(1), 6000),
            (day(1) - hours(1), day(1) + hours(2), 9000),
            (day(1) + hours(3), day(1) + hours(3), 7000),
        ]);
        assert_eq!(
            shown(&history),
            [
                (day(0), Some(day(1)), 10000),
                (day(1), Some(day(1) + hours(1)), 8000),
                (day(1) + hours(1), Some(day(1) + hours(2)), 6000),
                (day(1) + hours(2), Some(day(1) + hours(3)), 9000),
                (day(1) + hours(3), None, 7000),
            ]
        );
        assert_eq!(history.current().unwrap().prior_price, Some(euros(6000)));
        assert_eq!(history.lowest_of_30_days(day(2)), Some(euros(6000)));
    }

    #[test]
    fn what_was_charged_stays_although_both_clocks_stepped_back() {
        let history = history(&[(day(5), 1000), (day(6), 2000), (day(4), 1500)]);
        assert_eq!(
            shown(&history),
            [
                (day(5), Some(day(6)), 1000),
                (day(6), Some(day(6) + MOMENT), 2000),
                (day(6) + MOMENT, None, 1500),
            ]
        );
        assert_eq!(history.current().unwrap().prior_price, Some(euros(1000)));
        assert_eq!(history.lowest_of_30_days(day(4)), Some(euros(1000)));
    }

    #[test]
    fn the_lowest_price_of_the_last_30_days_is_told_as_of_now() {
        let new = history(&[(day(0), 1000)]);
        let history = history(&[(day(0), 1000), (day(10), 2000), (day(20), 1500)]);
        let lowest = |now| history.lowest_of_30_days(now).unwrap().minor;
        assert_eq!(lowest(day(20)), 1000);
        assert_eq!(lowest(day(40) - MOMENT), 1000);
        assert_eq!(lowest(day(40)), 1500);
        assert_eq!(lowest(day(400)), 1500);
        assert_eq!(new.lowest_of_30_days(day(0)), Some(euros(1000)));
    }

    #[test]
    fn what_was_retired_has_no_prices() {
        let mut periods = Periods::default();
        let (occurred, recorded) = (day(0), day(0));
        periods.set(euros(1000), SetAt { occurred, recorded });
        periods.retired = true;
        assert!(periods.finish().is_none());
        assert!(Periods::default().finish().is_none());
    }
}
