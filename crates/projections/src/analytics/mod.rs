//! What the shop sold, when and to whom: figures for reports, kept as sums of what happened.
//!
//! `orders`, `units` and `revenue` count what was sold, at the time when it was ordered; `returned` and
//! `refunded` count what of it came back. An order in which nothing was sold is not counted.
//! `cancellations` and `cancelled` count at the time when an order is cancelled, and take nothing away
//! from what was sold.

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
    /// The rank among the products sold in the same currency, from 1.
    pub rank: i64,
    pub product_id: ProductId,
    /// The product's name and SKU now; `None` if the log says nothing about the product itself.
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
    /// `None` for a customer who only ever brought something back.
    pub first_order_at: Option<DateTime<Utc>>,
    pub last_order_at: Option<DateTime<Utc>>,
}

/// What the customers of one month ordered in that month or in a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortMonth {
    /// The first day of the month of their first order.
    pub cohort: NaiveDate,
    /// How many customers they are.
    pub customers: i64,
    /// The first day of the month that the following fields are about.
    pub month: NaiveDate,
    /// How many of the customers ordered in that month.
    pub active: i64,
    pub orders: i64,
}

/// How many orders have reached a step, and how long it took them.
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelStep {
    pub step: &'static str,
    /// The orders that have reached the step.
    pub orders: i64,
    /// The seconds that they took from the step before (for a cancellation, from the order). `None` if no
    /// order has reached this step, or no step comes before it.
    pub median_seconds: Option<f64>,
    pub mean_seconds: Option<f64>,
}
