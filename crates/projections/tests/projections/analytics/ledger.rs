//! What the reports should say, computed from the whole log at once: each figure is a sum over the lines
//! that belong to it, and each line is asked by itself whether it does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use daybook_domain::{Currency, Event, Money, UserId, order::OrderEvent, product::ProductEvent};
use daybook_log::RecordedEvent;
use daybook_projections::analytics::{
    CohortMonth, CustomerFigures, Interval, ProductRank, SalesFigures, TopProduct, Window,
};
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    products: BTreeMap<Uuid, (String, Option<String>)>,
}

/// A line that was bought or brought back, or the cancellation of what was bought with an order.
#[derive(Clone, Copy)]
struct Entry {
    at: DateTime<Utc>,
    order: Uuid,
    user: Option<UserId>,
    currency: Currency,
    what: What,
    minor: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Bought { product: Uuid, units: i64 },
    Back { product: Uuid, units: i64 },
    Cancelled,
}

#[derive(Default)]
struct Totals {
    orders: BTreeSet<Uuid>,
    units: i64,
    revenue: i64,
    cancellations: i64,
    cancelled: i64,
    returned: i64,
    refunded: i64,
    ordered_at: BTreeSet<DateTime<Utc>>,
}

impl Totals {
    fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Totals {
        let mut totals = Totals::default();
        for entry in entries {
            match entry.what {
                What::Bought { units, .. } => {
                    totals.orders.insert(entry.order);
                    totals.ordered_at.insert(entry.at);
                    totals.units += units;
                    totals.revenue += entry.minor;
                }
                What::Back { units, .. } => {
                    totals.returned += units;
                    totals.refunded += entry.minor;
                }
                What::Cancelled => {
                    totals.cancellations += 1;
                    totals.cancelled += entry.minor;
                }
            }
        }
        totals
    }
}

impl Ledger {
    pub(super) fn of(events: &[RecordedEvent]) -> Ledger {
        let mut ledger = Ledger::default();
        for event in events {
            match &event.event {
                Event::Order(order) => ledger.order(event, order),
                Event::Product(ProductEvent::Created { name, sku, .. }) => {
                    let called = (name.clone(), sku.clone());
                    ledger.products.insert(event.stream.id, called);
                }
                Event::Product(ProductEvent::Described { name, .. }) => {
                    ledger.products.get_mut(&event.stream.id).unwrap().0 = name.clone();
                }
                _ => {}
            }
        }
        // Who ordered, and what, may be in another event than the entry's own.
        let heads: BTreeMap<Uuid, (Option<UserId>, Currency)> = events
            .iter()
            .filter_map(|event| match &event.event {
                Event::Order(OrderEvent::Placed { user_id, total, .. }) => {
                    Some((event.stream.id, (Some(*user_id), total.currency)))
                }
                Event::Order(OrderEvent::Imported {
                    user_id, currency, ..
                }) => Some((event.stream.id, (*user_id, *currency))),
                _ => None,
            })
            .collect();
        for entry in &mut ledger.entries {
            (entry.user, entry.currency) = heads[&entry.order];
        }
        ledger
    }

    fn order(&mut self, event: &RecordedEvent, order: &OrderEvent) {
        let mut enter = |what, minor| {
            self.entries.push(Entry {
                at: event.occurred_at,
                order: event.stream.id,
                user: None,
                currency: Currency::default(),
                what,
                minor,
            });
        };
        match order {
            OrderEvent::Placed { lines, .. } => {
                for line in lines {
                    let product = line.product_id.as_uuid();
                    let units = i64::from(line.quantity);
                    enter(
                        What::Bought { product, units },
                        units * line.unit_price.minor,
                    );
                }
            }
            OrderEvent::LineImported(line) => {
                let (product, units) = (line.product_id.as_uuid(), line.quantity.abs());
                let what = if line.quantity > 0 {
                    What::Bought { product, units }
                } else {
                    What::Back { product, units }
                };
                enter(what, units * line.unit_price.minor);
            }
            OrderEvent::Cancelled { .. } => {
                let of_order = |entry: &&Entry| entry.order == event.stream.id;
                let minor = self
                    .entries
                    .iter()
                    .filter(of_order)
                    .map(|entry| entry.minor);
                let minor = minor.sum();
                self.entries.push(Entry {
                    at: event.occurred_at,
                    order: event.stream.id,
                    user: None,
                    currency: Currency::default(),
                    what: What::Cancelled,
                    minor,
                });
            }
            _ => {}
        }
    }

    /// Every instant at which something was entered.
    pub(super) fn instants(&self) -> Vec<DateTime<Utc>> {
        self.entries.iter().map(|entry| entry.at).collect()
    }

    fn within<'a>(&'a self, window: &'a Window) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| is_in(window, entry.at))
    }

    pub(super) fn sales(&self, window: &Window, interval: Interval, zone: Tz) -> Vec<SalesFigures> {
        let day = |entry: &Entry| first_day(interval, local(entry.at, zone));
        grouped(self.within(window), |entry| {
            (day(entry), entry.currency.code())
        })
        .into_iter()
        .map(|((date, currency), entries)| {
            let totals = Totals::of(entries);
            let money = |minor| Money::new(minor, currency.parse().unwrap());
            SalesFigures {
                start: start_of(interval, date, zone),
                date,
                orders: totals.orders.len() as i64,
                units: totals.units,
                revenue: money(totals.revenue),
                cancellations: totals.cancellations,
                cancelled: money(totals.cancelled),
                returned: totals.returned,
                refunded: money(totals.refunded),
            }
        })
        .collect()
    }

    pub(super) fn top_products(
        &self,
        window: &Window,
        by: ProductRank,
        limit: u32,
    ) -> Vec<TopProduct> {
        let of_lines = self.within(window).filter_map(|entry| match entry.what {
            What::Bought { product, .. } | What::Back { product, .. } => Some((entry, product)),
            What::Cancelled => None,
        });
        let mut all: BTreeMap<(&str, Uuid), Vec<&Entry>> = BTreeMap::new();
        for (entry, product) in of_lines {
            let key = (entry.currency.code(), product);
            all.entry(key).or_default().push(entry);
        }
        let mut best: Vec<TopProduct> = all
            .into_iter()
            .map(|((currency, product), entries)| {
                let totals = Totals::of(entries);
                let money = |minor| Money::new(minor, currency.parse().unwrap());
                TopProduct {
                    rank: 0,
                    product_id: product.into(),
                    name: self.products.get(&product).map(|(name, _)| name.clone()),
                    sku: self.products.get(&product).and_then(|(_, sku)| sku.clone()),
                    units: totals.units,
                    revenue: money(totals.revenue),
                    returned: totals.returned,
                    refunded: money(totals.refunded),
                }
            })
            .filter(|product| product.units > 0)
            .collect();
        best.sort_by_key(|product| {
            let (revenue, units) = (-product.revenue.minor, -product.units);
            let figures = match by {
                ProductRank::Revenue => [revenue, units],
                ProductRank::Units => [units, revenue],
            };
            (
                product.revenue.currency,
                figures,
                product.product_id.as_uuid(),
            )
        });
        let mut ranks: BTreeMap<Currency, i64> = BTreeMap::new();
        for product in &mut best {
            let rank = ranks.entry(product.revenue.currency).or_default();
            *rank += 1;
            product.rank = *rank;
        }
        best.retain(|product| product.rank <= i64::from(limit));
        best
    }

    /// By customer and currency.
    pub(super) fn customers(&self, window: &Window) -> Vec<CustomerFigures> {
        let known = self.within(window).filter(|entry| entry.user.is_some());
        grouped(known, |entry| {
            (entry.user.map(UserId::as_uuid), entry.currency)
        })
        .into_iter()
        .map(|((user, currency), entries)| {
            let totals = Totals::of(entries);
            let money = |minor| Money::new(minor, currency);
            CustomerFigures {
                user_id: user.unwrap().into(),
                orders: totals.orders.len() as i64,
                units: totals.units,
                revenue: money(totals.revenue),
                cancellations: totals.cancellations,
                cancelled: money(totals.cancelled),
                returned: totals.returned,
                refunded: money(totals.refunded),
                first_order_at: totals.ordered_at.first().copied(),
                last_order_at: totals.ordered_at.last().copied(),
            }
        })
        .collect()
    }

    pub(super) fn cohorts(&self, window: &Window, zone: Tz) -> Vec<CohortMonth> {
        let is_bought = |entry: &&Entry| matches!(entry.what, What::Bought { .. });
        let bought = || {
            self.entries
                .iter()
                .filter(is_bought)
                .filter(|entry| entry.user.is_some())
        };
        let month = |at| first_day(Interval::Month, local(at, zone));
        let first = |user| {
            bought()
                .filter(|entry| entry.user == user)
                .map(|entry| entry.at)
                .min()
                .unwrap()
        };
        let members = |cohort| {
            let users = bought().map(|entry| entry.user.unwrap().as_uuid());
            users
                .filter(|user| {
                    let first = first(Some(UserId::from(*user)));
                    is_in(window, first) && month(first) == cohort
                })
                .collect::<BTreeSet<Uuid>>()
        };
        let until = Window {
            from: None,
            to: window.to,
        };
        let concerned =
            bought().filter(|entry| is_in(window, first(entry.user)) && is_in(&until, entry.at));
        grouped(concerned, |entry| {
            (month(first(entry.user)), month(entry.at))
        })
        .into_iter()
        .map(|((cohort, month), entries)| {
            let users: BTreeSet<_> = entries
                .iter()
                .map(|entry| entry.user.unwrap().as_uuid())
                .collect();
            CohortMonth {
                cohort,
                customers: members(cohort).len() as i64,
                month,
                active: users.len() as i64,
                orders: Totals::of(entries).orders.len() as i64,
            }
        })
        .collect()
    }
}

fn grouped<'a, K: Ord>(
    entries: impl Iterator<Item = &'a Entry>,
    key: impl Fn(&Entry) -> K,
) -> BTreeMap<K, Vec<&'a Entry>> {
    let mut groups: BTreeMap<K, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(key(entry)).or_default().push(entry);
    }
    groups
}

pub(super) fn is_in(window: &Window, at: DateTime<Utc>) -> bool {
    window.from.is_none_or(|from| from <= at) && window.to.is_none_or(|to| at < to)
}

fn local(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

fn first_day(interval: Interval, date: NaiveDate) -> NaiveDate {
    let is_first = |date: &NaiveDate| match interval {
        Interval::Day => true,
        Interval::Week => date.weekday() == chrono::Weekday::Mon,
        Interval::Month => date.day() == 1,
    };
    let back = date.iter_days().rev();
    back.take(31).find(is_first).unwrap()
}

/// The first quarter of an hour in the interval.
fn start_of(interval: Interval, date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let before = date.and_hms_opt(0, 0, 0).unwrap().and_utc() - TimeDelta::hours(15);
    let mut quarters = (0..).map(|count| before + TimeDelta::minutes(15 * count));
    quarters
        .find(|at| first_day(interval, local(*at, zone)) == date)
        .unwrap()
}
