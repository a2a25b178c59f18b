//! The orders of `orders.json`, replayed step by step in the order in which the steps happened.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::Duration;
use daybook_commands::{
    Acting, CancelOrder, DeliverOrder, PlaceOrder, ProcessOrder, ShipOrder, fixed_id,
};
use daybook_domain::order::OrderStatus;
use daybook_domain::{OrderId, StreamId};
use serde::Deserialize;

use super::Seeder;
use super::people::customer;
use super::shop::product_id;
use crate::failure::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrderEntry {
    customer: String,
    hours_ago: i64,
    status: OrderStatus,
    carrier: Option<String>,
    tracking_number: Option<String>,
    reason: Option<String>,
    /// The status in which a cancelled order was cancelled.
    cancelled_while: Option<OrderStatus>,
    /// Quantities by SKU.
    items: BTreeMap<String, u32>,
}

#[allow(clippy::expect_used)] // A test reads what is embedded.
static ORDERS: LazyLock<Vec<OrderEntry>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("orders.json")).expect("orders.json is a list of orders")
});

/// One change of one order's status.
struct Step {
    ago: Duration,
    rank: usize,
    entry: &'static OrderEntry,
    /// `None` before it is placed.
    from: Option<OrderStatus>,
    to: OrderStatus,
}

/// Takes the remaining steps; returns how many orders were placed.
pub(super) async fn place(seeder: &Seeder<'_>) -> Result<usize, Failure> {
    let mut placed = 0;
    for step in steps() {
        let order = seeder.bus.load(StreamId::order(step.id())).await?;
        let status = order
            .state
            .as_order()
            .filter(|order| order.exists())
            .map(|order| order.status);
        if status != step.from {
            continue;
        }
        step.take(seeder).await?;
        placed += usize::from(step.from.is_none());
    }
    Ok(placed)
}

fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = ORDERS
        .iter()
        .enumerate()
        .flat_map(|(rank, entry)| steps_of(rank, entry))
        .collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.ago));
    steps
}

fn steps_of(rank: usize, entry: &'static OrderEntry) -> impl Iterator<Item = Step> {
    use OrderStatus::{Cancelled, Delivered, Imported, Pending, Processing, Shipped};
    // Real orders are not placed or packed exactly on the hour.
    let minutes = (rank as i64 * 17) % 45;
    let placed = Duration::hours(entry.hours_ago) + Duration::minutes(minutes);
    let path: &[(i64, OrderStatus)] = match (entry.status, entry.cancelled_while) {
        (Pending, _) => &[(0, Pending)],
        (Processing, _) => &[(0, Pending), (4, Processing)],
        (Shipped, _) => &[(0, Pending), (4, Processing), (27, Shipped)],
        (Delivered, _) => &[
            (0, Pending),
            (4, Processing),
            (27, Shipped),
            (75, Delivered),
        ],
        (Cancelled, Some(Processing)) => &[(0, Pending), (4, Processing), (7, Cancelled)],
        (Cancelled, _) => &[(0, Pending), (1, Cancelled)],
        // The demo has no imported orders.
        (Imported, _) => &[],
    };
    path.iter()
        .enumerate()
        .map(move |(index, &(hours, to))| Step {
            ago: placed - Duration::hours(hours) - Duration::minutes(hours * minutes / 45),
            rank,
            entry,
            from: index.checked_sub(1).map(|before| path[before].1),
            to,
        })
}

impl Step {
    fn id(&self) -> OrderId {
        fixed_id(&format!("demo order {}", self.rank), self.rank).into()
    }

    async fn take(&self, seeder: &Seeder<'_>) -> Result<(), Failure> {
        let at = seeder.now - self.ago;
        let what = format!("order {} of the demo ({})", self.rank + 1, self.to);
        let id = self.id();
        match self.to {
            OrderStatus::Pending => seeder.send(&what, at, self.placing()).await,
            OrderStatus::Processing => seeder.send(&what, at, ProcessOrder { id }).await,
            OrderStatus::Shipped => {
                let carrier = self.entry.carrier.clone();
                let tracking_number = self.entry.tracking_number.clone();
                let command = ShipOrder {
                    id,
                    carrier,
                    tracking_number,
                };
                seeder.send(&what, at, command).await
            }
            OrderStatus::Delivered => seeder.send(&what, at, DeliverOrder { id }).await,
            // No step leads to this status.
            OrderStatus::Imported => Ok(()),
            OrderStatus::Cancelled => {
                let reason = self.entry.reason.clone();
                seeder
                    .send(
                        &what,
                        at,
                        CancelOrder {
                            id,
                            acting: Acting::Staff,
                            reason,
                        },
                    )
                    .await
            }
        }
    }

    #[allow(clippy::expect_used)] // A test looks every customer up.
    fn placing(&self) -> PlaceOrder {
        let (user_id, customer) =
            customer(&self.entry.customer).expect("every order is a customer's");
        let items = self
            .entry
            .items
            .iter()
            .map(|(sku, quantity)| (product_id(sku), *quantity));
        PlaceOrder {
            id: self.id(),
            user_id,
            items: items.collect(),
            shipping_address: Some(customer.address.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_dozens_of_orders_are_in_every_status() {
        assert_eq!(ORDERS.len(), 50);
        let placed_here = |status: &OrderStatus| *status != OrderStatus::Imported;
        for status in OrderStatus::ALL.into_iter().filter(placed_here) {
            let count = ORDERS.iter().filter(|order| order.status == status).count();
            assert!(count >= 5, "only {count} orders are {status}");
        }
    }

    #[test]
    fn every_step_is_possible_and_in_the_past() {
        for step in steps() {
            assert!(
                step.ago > Duration::zero(),
                "order {} is {} in the future",
                step.rank,
                step.to
            );
            assert!(
                step.ago < super::super::OPENED,
                "order {} came before the shop",
                step.rank
            );
            assert!(customer(&step.entry.customer).is_some());
            match step.from {
                None => assert_eq!(step.to, OrderStatus::Pending),
                Some(from) => assert!(from.may_become(step.to)),
            }
        }
    }
}
