//! Orders in answers, without the shipping address.

use daybook_commands::OrderOutcome;
use daybook_contract::{Amount, Timestamp};
use daybook_domain::order::{ImportedLine, Order, OrderLine, OrderStatus};
use daybook_domain::{OrderId, ProductId, UserId, Versioned};
use daybook_history::past::PastOrder;
use daybook_projections::orders::{self as read, HistoryEntry};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::Representation;
use crate::etag::ETag;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub(in crate::routes) struct OrderAnswer {
    #[schema(value_type = Uuid)]
    id: OrderId,
    /// Null for an imported order of nobody in particular.
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    #[schema(value_type = Status)]
    status: OrderStatus,
    items: Vec<OrderItem>,
    total_amount: Amount,
    currency: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderItem {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// As it was when it was ordered, like the price.
    name: String,
    /// Below zero for what came back, in imported orders.
    quantity: i64,
    unit_price: Amount,
}

#[derive(ToSchema)]
#[schema(as = OrderStatus, rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the domain's type")]
pub(super) enum Status {
    Pending,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
    Imported,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderHistoryEntry)]
pub(super) struct HistoryAnswer {
    #[schema(value_type = Status)]
    status: OrderStatus,
    at: Timestamp,
    /// `user:` and an id, `system:` and a part, or `anonymous`.
    actor: String,
    /// Of a shipment.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    /// Of a cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Of an import: the system that the order comes from, and its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
}

/// An order after a command.
pub(in crate::routes) fn represent(outcome: &OrderOutcome) -> Representation {
    let answer = OrderAnswer::of(outcome.id, &outcome.order, &[]);
    Representation::of(&answer).tagged(ETag::of(outcome.order.version))
}

impl OrderAnswer {
    /// An imported order's lines are not part of its state.
    fn of(id: OrderId, order: &Versioned<Order>, imported: &[ImportedLine]) -> OrderAnswer {
        let bought = order.state.lines.iter().cloned().map(OrderItem::from);
        let imported = imported.iter().cloned().map(OrderItem::from);
        OrderAnswer {
            id,
            user_id: order.state.user_id,
            status: order.state.status,
            items: bought.chain(imported).collect(),
            total_amount: Amount(order.state.total),
            currency: order.state.total.currency.code(),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl From<PastOrder> for OrderAnswer {
    fn from(past: PastOrder) -> OrderAnswer {
        OrderAnswer::of(past.id, &past.order, &past.imported_lines)
    }
}

impl From<read::Order> for OrderAnswer {
    fn from(order: read::Order) -> OrderAnswer {
        OrderAnswer {
            id: order.id,
            user_id: order.user_id,
            status: order.status,
            items: order.lines.into_iter().map(OrderItem::from).collect(),
            total_amount: Amount(order.total),
            currency: order.total.currency.code(),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl From<OrderLine> for OrderItem {
    fn from(line: OrderLine) -> OrderItem {
        let OrderLine {
            product_id,
            name,
            quantity,
            unit_price,
        } = line;
        OrderItem {
            product_id,
            name,
            quantity: i64::from(quantity),
            unit_price: Amount(unit_price),
        }
    }
}

impl From<read::Line> for OrderItem {
    fn from(line: read::Line) -> OrderItem {
        OrderItem {
            product_id: line.product_id,
            name: line.name,
            quantity: line.quantity,
            unit_price: Amount(line.unit_price),
        }
    }
}

impl From<ImportedLine> for OrderItem {
    fn from(line: ImportedLine) -> OrderItem {
        OrderItem {
            product_id: line.product_id,
            name: line.name,
            quantity: line.quantity,
            unit_price: Amount(line.unit_price),
        }
    }
}

impl From<HistoryEntry> for HistoryAnswer {
    fn from(entry: HistoryEntry) -> HistoryAnswer {
        let detail = |name: &str| {
            entry
                .details
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        HistoryAnswer {
            status: entry.status,
            at: entry.at.into(),
            carrier: detail("carrier"),
            tracking_number: detail("trackingNumber"),
            reason: detail("reason"),
            source: detail("source"),
            number: detail("number"),
            actor: entry.actor,
        }
    }
}
