//! Orders with their lines, and what happened to each.

mod fold;
mod project;
mod query;

use chrono::{DateTime, Utc};
use daybook_domain::{Money, OrderId, ProductId, UserId, order::OrderStatus};
use daybook_log::Position;

pub use self::{
    project::{NAME, Orders},
    query::OrderQueries,
};

/// An order. Where it is shipped to is personal, and stays sealed in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub id: OrderId,
    /// `None`: an imported order of nobody in particular.
    pub user_id: Option<UserId>,
    pub status: OrderStatus,
    /// As the customer sent them.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

/// What was ordered, as it was then.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub product_id: ProductId,
    pub name: String,
    /// Below zero for what came back, in imported orders.
    pub quantity: i64,
    pub unit_price: Money,
}

/// An order and the position of the read model that it was read from.
#[derive(Clone, Debug)]
pub struct OrderAt {
    pub order: Order,
    pub position: Position,
}

/// One event in an order's life.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Of the event in the order's stream.
    pub sequence: i64,
    /// From this event on.
    pub status: OrderStatus,
    pub at: DateTime<Utc>,
    /// `user:<uuid>`, `system:<part>` or `anonymous`.
    pub actor: String,
    /// What else the event says: `carrier` and `trackingNumber`, `reason`, or `source` and `number`.
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// For whom orders are shown. What isn't a customer's own is not there for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    Admin,
    Customer(UserId),
}

/// Which orders. Everything given must hold.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub user_id: Option<UserId>,
    /// Any of these; all if empty.
    pub statuses: Vec<OrderStatus>,
}
