//! Orders with their lines, and the history of each.

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

/// An order. The shipping address is personal, and stays sealed in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub id: OrderId,
    /// `None`: an imported order of nobody in particular.
    pub user_id: Option<UserId>,
    pub status: OrderStatus,
    /// In the order in which the customer sent them.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

/// What was ordered, with name and price as they were then.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub product_id: ProductId,
    pub name: String,
    /// Negative for goods that came back, in imported orders.
    pub quantity: i64,
    pub unit_price: Money,
}

/// An order and the read model's position when it was read.
#[derive(Clone, Debug)]
pub struct OrderAt {
    pub order: Order,
    pub position: Position,
}

/// One event in an order's life.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// The event's sequence in the order's stream.
    pub sequence: i64,
    /// The order's status from this event on.
    pub status: OrderStatus,
    pub at: DateTime<Utc>,
    /// `user:<uuid>`, `system:<part>` or `anonymous`.
    pub actor: String,
    /// Further data of the event: `carrier` and `trackingNumber`, `reason`, or `source` and `number`.
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// Who sees the orders. A customer sees only their own; other orders do not exist for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    Admin,
    Customer(UserId),
}

/// Which orders to find. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub user_id: Option<UserId>,
    /// Any of these; all if empty.
    pub statuses: Vec<OrderStatus>,
}
