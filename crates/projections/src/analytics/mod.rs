//! What the shop sold, when and to whom: figures for reports, kept as sums of what happened.
//!
//! `orders`, `units` and `revenue` are what was sold, when it was ordered, and `returned` and
//! `refunded` what of it came back; an order in which nothing was sold is none. `cancellations` and
//! `cancelled` count when an order is cancelled, and take nothing out of what was sold.

mod calendar;
mod cover;
mod lines;
mod orders;
mod products;
mod project;
mod query;
mod sums;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::{Money, ProductId, UserId};

pub use self::{
    calendar::{Interval, day_start},
    cover::Window,
    project::{Analytics, NAME},
    query::AnalyticsQueries,
};

/// What was sold in an interval, in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct SalesFigures {
    /// The interval's first instant and day.
    pub start: DateTime<Utc>,
    pub date: NaiveDate,
    pub orders: i64,
    pub units: i64,
    pub revenue: Money,
    pub cancellations: i64,
    pub cancelled: Money,
    pub returned: i64,
    pub refunded: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductRank {
    Revenue,
    Units,
}

/// One of the products that sold best in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct TopProduct {
    /// Among the products sold in the same currency, from 1.
    pub rank: i64,
    pub product_id: ProductId,
    /// As they are called now; `None` where the log says nothing of the product itself.
    pub name: Option<String>,
    pub sku: Option<String>,
    pub units: i64,
    pub revenue: Money,
    pub returned: i64,
    pub refunded: Money,
}

/// The largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerRank {
    Revenue,
    Orders,
    LastOrder,
}

/// What a customer bought in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerFigures {
    pub user_id: UserId,
    pub orders: i64,
    pub units: i64,
    pub revenue: Money,
    pub cancellations: i64,
    pub cancelled: Money,
    pub returned: i64,
    pub refunded: Money,
    /// `None` for who only ever brought something back.
    pub first_order_at: Option<DateTime<Utc>>,
    pub last_order_at: Option<DateTime<Utc>>,
}

/// What the customers of one month ordered in that month or one that followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortMonth {
    /// The first day of the month of their first order.
    pub cohort: NaiveDate,
    /// How many they are.
    pub customers: i64,
    /// The first day of the month that the rest is about.
    pub month: NaiveDate,
    /// How many of them ordered in it.
    pub active: i64,
    pub orders: i64,
}

/// How many orders have come to a step, and how long it took them.
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelStep {
    pub step: &'static str,
    /// Orders that have come to it.
    pub orders: i64,
    /// How long they took from the step before, a cancellation from the order. `None` where no order
    /// has come this far, or nothing comes before.
    pub median_seconds: Option<f64>,
    pub mean_seconds: Option<f64>,
}
