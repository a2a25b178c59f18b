//! The analytics agree with the log, whatever is queried and however they were built.

mod ledger;
mod trade;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use daybook_domain::{Event, order::OrderEvent};
use daybook_log::RecordedEvent;
use daybook_projections::{
    Paging, ProgressTracker, ReadModels,
    analytics::{
        Analytics, AnalyticsQueries, CustomerFigures, CustomerRank, Interval, ProductRank, Window,
    },
    projection::{Target, apply},
    schema::SchemaName,
    skipped::Skipped,
};
use uuid::Uuid;

use self::{ledger::Ledger, trade::Trade};
use crate::shop::Shop;

const ZONES: [Tz; 6] = [
    Tz::UTC,
    Tz::Europe__London,
    Tz::Asia__Kathmandu,
    Tz::America__St_Johns,
    Tz::America__Sao_Paulo,
    Tz::Pacific__Apia,
];

const INTERVALS: [Interval; 3] = [Interval::Day, Interval::Week, Interval::Month];

struct Traded {
    shop: Shop,
    events: Vec<RecordedEvent>,
    ledger: Ledger,
    reports: ReadModels,
}

async fn traded() -> Traded {
    let mut shop = Shop::open().await;
    Trade::happen(&mut shop).await;
    let events = shop.all_events().await;
    Traded {
        ledger: Ledger::of(&events),
        reports: ReadModels::new(shop.pool.clone(), ProgressTracker::new()),
        events,
        shop,
    }
}

impl Traded {
    async fn project(&self, batch: usize) {
        let target = Target::live(SchemaName::live("analytics"));
        let mut conn = self.shop.pool.acquire().await.unwrap();
        for batch in self.events.chunks(batch) {
            apply(&Analytics, &mut conn, &target, batch, &Skipped::default())
                .await
                .unwrap();
        }
    }

    async fn empty(&self) {
        let owner = self.shop.database.superuser_pool().unwrap();
        let tables = [
            "orders",
            "lines",
            "products",
            "sales",
            "product_months",
            "customers",
        ];
        let emptied = format!(
            "truncate {}",
            tables.map(|table| format!("analytics.{table}")).join(", ")
        );
        sqlx::query(&emptied).execute(&owner).await.unwrap();
    }

    fn reports(&self) -> &AnalyticsQueries {
        self.reports.analytics()
    }

    /// Windows that begin and end at, just before and just after an event, and open ones.
    fn windows(&self) -> Vec<Window> {
        let mut edges: Vec<DateTime<Utc>> = self
            .ledger
            .instants()
            .into_iter()
            .step_by(23)
            .flat_map(|at| [-1, 0, 1].map(|beside| at + TimeDelta::microseconds(beside)))
            .collect();
        edges.sort();
        let closed = (1..edges.len()).map(|distance| {
            let from = edges[(distance * 7) % (edges.len() - distance)];
            let to = edges[(distance * 7) % (edges.len() - distance) + distance];
            (Some(from), Some(to))
        });
        let open = [
            (None, None),
            (Some(edges[9]), None),
            (None, Some(edges[30])),
        ];
        let windows = closed.chain(open).map(|(from, to)| Window { from, to });
        windows
            .filter(|window| {
                window
                    .from
                    .zip(window.to)
                    .is_none_or(|(from, to)| from < to)
            })
            .collect()
    }

    async fn all_customers(&self, window: &Window, by: CustomerRank) -> Vec<CustomerFigures> {
        let mut all = Vec::new();
        let mut paging = Paging::page(1, 4);
        loop {
            let page = self.reports().customers(window, by, &paging).await.unwrap();
            all.extend(page.items);
            let Some(next) = page.next else {
                assert_eq!(all.len() as i64, page.total);
                return all;
            };
            paging = Paging::cursor(next, 4);
        }
    }
}

#[tokio::test]
async fn sales_are_those_of_the_log_in_every_window_and_zone() {
    let traded = traded().await;
    traded.project(37).await;
    let windows = traded.windows();
    assert!(windows.len() > 50);
    for (number, window) in windows.iter().enumerate() {
        let (zone, interval) = (ZONES[number % 6], INTERVALS[number / 6 % 3]);
        let told = traded
            .reports()
            .sales(window, interval, zone)
            .await
            .unwrap();
        assert_eq!(
            told,
            traded.ledger.sales(window, interval, zone),
            "{window:?} {interval:?} {zone}"
        );
    }
    for zone in ZONES {
        for interval in INTERVALS {
            let window = Window::default();
            let told = traded
                .reports()
                .sales(&window, interval, zone)
                .await
                .unwrap();
            assert_eq!(
                told,
                traded.ledger.sales(&window, interval, zone),
                "{interval:?} {zone}"
            );
        }
    }
}

#[tokio::test]
async fn top_products_are_those_of_the_log_in_every_window() {
    let traded = traded().await;
    traded.project(100).await;
    for (window, limit) in traded.windows().iter().zip((1..4).cycle()) {
        for by in [ProductRank::Revenue, ProductRank::Units] {
            let told = traded
                .reports()
                .top_products(window, by, limit)
                .await
                .unwrap();
            assert_eq!(
                told,
                traded.ledger.top_products(window, by, limit),
                "{window:?} {by:?}"
            );
        }
    }
}

#[tokio::test]
async fn customers_are_those_of_the_log_page_by_page() {
    let traded = traded().await;
    traded.project(100).await;
    let windows = traded.windows();
    for window in windows.iter().rev().take(12) {
        for by in [
            CustomerRank::Revenue,
            CustomerRank::Orders,
            CustomerRank::LastOrder,
        ] {
            let mut told = traded.all_customers(window, by).await;
            let is_sorted = told.is_sorted_by_key(|customer| match by {
                CustomerRank::Revenue => -customer.revenue.minor,
                CustomerRank::Orders => -customer.orders,
                CustomerRank::LastOrder => {
                    -customer.last_order_at.map_or(0, |at| at.timestamp_micros())
                }
            });
            assert!(is_sorted, "{by:?}");
            told.sort_by_key(|customer| (customer.user_id.as_uuid(), customer.revenue.currency));
            assert_eq!(told, traded.ledger.customers(window), "{window:?}");
        }
    }
}

#[tokio::test]
async fn cohorts_are_those_of_the_log_in_every_window_and_zone() {
    let traded = traded().await;
    traded.project(100).await;
    for (window, zone) in traded.windows().iter().zip(ZONES.iter().cycle()) {
        let told = traded.reports().cohorts(window, *zone).await.unwrap();
        assert_eq!(
            told,
            traded.ledger.cohorts(window, *zone),
            "{window:?} {zone}"
        );
    }
}

#[tokio::test]
async fn the_funnel_tells_how_far_orders_came_and_how_long_it_took() {
    let traded = traded().await;
    traded.project(100).await;
    for window in traded.windows().iter().rev().take(20) {
        let told = traded.reports().order_funnel(window).await.unwrap();
        let steps: Vec<&str> = told.iter().map(|step| step.step).collect();
        assert_eq!(
            steps,
            [
                "placed",
                "processing",
                "shipped",
                "delivered",
                "cancelled",
                "imported"
            ]
        );
        for (step, is_step, before) in [
            (
                0,
                (|event| matches!(event, OrderEvent::Placed { .. })) as fn(&OrderEvent) -> bool,
                None,
            ),
            (1, |event| matches!(event, OrderEvent::Processed), Some(1)),
            (
                2,
                |event| matches!(event, OrderEvent::Shipped { .. }),
                Some(1),
            ),
            (3, |event| matches!(event, OrderEvent::Delivered), Some(1)),
            (
                4,
                |event| matches!(event, OrderEvent::Cancelled { .. }),
                Some(i64::MAX),
            ),
            (
                5,
                |event| matches!(event, OrderEvent::Imported { .. }),
                None,
            ),
        ] {
            let reached = reached(&traded.events, window, is_step, before);
            assert_eq!(told[step].orders as usize, reached.len(), "{step}");
            let mut seconds: Vec<f64> = reached.into_iter().flatten().collect();
            seconds.sort_by(f64::total_cmp);
            let middle = seconds.len() / 2;
            let median = (!seconds.is_empty()).then(|| {
                let low = seconds[(seconds.len() - 1) / 2];
                f64::midpoint(low, seconds[middle])
            });
            let mean = median.map(|_| seconds.iter().sum::<f64>() / seconds.len() as f64);
            for (told, expected) in [
                (told[step].median_seconds, median),
                (told[step].mean_seconds, mean),
            ] {
                match (told, expected) {
                    (Some(told), Some(expected)) => assert!((told - expected).abs() < 1e-3),
                    (told, expected) => assert_eq!(told, expected),
                }
            }
        }
    }
}

/// For each order placed in the window that has such an event, the seconds since the event `before` it in
/// its stream, or since its first.
fn reached(
    events: &[RecordedEvent],
    window: &Window,
    is_step: fn(&OrderEvent) -> bool,
    before: Option<i64>,
) -> Vec<Option<f64>> {
    let in_stream = |id: Uuid, sequence: i64| {
        let found = |event: &&RecordedEvent| event.stream.id == id && event.sequence == sequence;
        events.iter().find(found).unwrap().occurred_at
    };
    let is_reached = |event: &&RecordedEvent| {
        matches!(&event.event, Event::Order(order) if is_step(order))
            && ledger::is_in(window, in_stream(event.stream.id, 1))
    };
    let seconds = |event: &RecordedEvent| {
        let sequence = event.sequence.saturating_sub(before?).max(1);
        let took = event.occurred_at - in_stream(event.stream.id, sequence);
        Some(took.as_seconds_f64())
    };
    events.iter().filter(is_reached).map(seconds).collect()
}

/// Every event adds to the sums: an event that took effect twice, or was lost at the edge of a batch,
/// would show.
#[tokio::test]
async fn batches_of_any_cut_and_repetitions_yield_the_same_figures() {
    let traded = traded().await;
    let window = Window::default();
    for batch in [1, 2, 3, 11, 1_000] {
        traded.empty().await;
        for again in [batch, 5] {
            traded.project(again).await;
            let days = traded
                .reports()
                .sales(&window, Interval::Day, Tz::UTC)
                .await
                .unwrap();
            assert_eq!(
                days,
                traded.ledger.sales(&window, Interval::Day, Tz::UTC),
                "{batch}"
            );
            let by = ProductRank::Units;
            let top = traded
                .reports()
                .top_products(&window, by, 100)
                .await
                .unwrap();
            assert_eq!(top, traded.ledger.top_products(&window, by, 100), "{batch}");
            let mut customers = traded.all_customers(&window, CustomerRank::Orders).await;
            customers
                .sort_by_key(|customer| (customer.user_id.as_uuid(), customer.revenue.currency));
            assert_eq!(customers, traded.ledger.customers(&window), "{batch}");
        }
    }
}
