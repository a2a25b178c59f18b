//! Sends orders to the log, many at once, so that they are committed in groups.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_commands::{ImportOrder, OrderImported, OrderToImport, fixed_id};
use daybook_domain::OrderId;
use daybook_domain::order::ImportedLine;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::catalog::Catalog;
use super::error::{ImportError, panicked};
use super::orders::Order;
use super::progress::ImportProgress;
use super::reason::Reason;
use super::rejects::Rejects;
use super::sender::Sender;
use super::summary::Tally;

/// How many orders have their products and customers created together.
const WINDOW: usize = 64;
/// Lines being sent at once: a batch that is being written, and one that is prepared meanwhile.
const LINES_AT_ONCE: usize = 8_192;

/// Sends all orders; answers what became of them.
pub(crate) async fn all(
    mut orders: mpsc::Receiver<Order>,
    sender: &Arc<Sender>,
    catalog: &mut Catalog,
    rejects: &Arc<Rejects>,
    progress: &Arc<dyn ImportProgress>,
) -> Result<Tally, ImportError> {
    let mut tally = Tally::default();
    let room = Arc::new(Semaphore::new(LINES_AT_ONCE));
    let mut sending = JoinSet::new();
    let mut window = Vec::with_capacity(WINDOW);
    while orders.recv_many(&mut window, WINDOW).await > 0 {
        catalog.prepare(&window).await?;
        for order in window.drain(..) {
            let lines = order.lines.len().min(LINES_AT_ONCE) as u32;
            let Ok(place) = Arc::clone(&room).acquire_many_owned(lines).await else {
                break;
            };
            let order = OrderInFlight::of(order, sender, catalog);
            let (sender, rejects) = (Arc::clone(sender), Arc::clone(rejects));
            let progress = Arc::clone(progress);
            sending.spawn(async move {
                let sent = order.send(&sender, &rejects).await;
                progress.advance(u64::from(lines));
                drop(place);
                sent
            });
            while let Some(sent) = sending.try_join_next() {
                settle(sent, &mut tally)?;
            }
        }
    }
    while let Some(sent) = sending.join_next().await {
        settle(sent, &mut tally)?;
    }
    Ok(tally)
}

fn settle(
    sent: Result<Result<SentOrder, ImportError>, JoinError>,
    to: &mut Tally,
) -> Result<(), ImportError> {
    sent.map_err(panicked)??.add_to(to);
    Ok(())
}

/// An order that is being sent.
struct OrderInFlight {
    command: ImportOrder,
    rows: Vec<(u64, String)>,
    placed_at: DateTime<Utc>,
}

/// An order that was sent, with the result.
struct SentOrder {
    order: Arc<OrderToImport>,
    /// The result of the first of the commands that it took.
    first: OrderImported,
    taken: usize,
    /// Indices of the refused lines, in ascending order.
    refused: Vec<usize>,
}

impl OrderInFlight {
    fn of(order: Order, sender: &Sender, catalog: &Catalog) -> OrderInFlight {
        let customer = sender.customer(&order).map(|(id, _)| id);
        let mut countries = order.lines.iter().map(|line| &line.country);
        let country = countries.find(|country| !country.is_empty()).cloned();
        let first = &order.lines[0];
        let (placed_at, currency) = (first.placed_at, first.price.currency);
        let lines = order.lines.into_iter().map(|line| ImportedLine {
            line: 0,
            product_id: catalog.product(&line.sku).unwrap_or_default(),
            name: line.name,
            quantity: line.quantity,
            unit_price: line.price,
        });
        let id = format!("imported order {} {}", sender.source, order.number);
        let id = OrderId::from(fixed_id(&id, 0));
        let lines = lines.collect();
        let order_to_import = OrderToImport {
            source: sender.source.clone(),
            number: order.number,
            user_id: customer,
            country,
            currency,
            lines,
        };
        OrderInFlight {
            command: ImportOrder {
                id,
                order: Arc::new(order_to_import),
            },
            rows: order.rows,
            placed_at,
        }
    }

    async fn send(self, sender: &Sender, rejects: &Rejects) -> Result<SentOrder, ImportError> {
        let OrderInFlight {
            command,
            rows,
            placed_at,
        } = self;
        let order = Arc::clone(&command.order);
        let mut outcome = attempt(&command, sender, placed_at).await?;
        let first = outcome.clone();
        let mut taken = 0;
        loop {
            taken += outcome.taken;
            for index in &outcome.refused {
                let (line, text) = &rows[*index];
                rejects.add(*line, text, Reason::Refused(outcome.why))?;
            }
            if outcome.left == 0 {
                return Ok(SentOrder {
                    order,
                    first,
                    taken,
                    refused: outcome.refused,
                });
            }
            outcome = attempt(&command, sender, placed_at).await?;
        }
    }
}

/// Sends an order, or the lines that are left of it.
async fn attempt(
    command: &ImportOrder,
    sender: &Sender,
    placed_at: DateTime<Utc>,
) -> Result<OrderImported, ImportError> {
    let sent = sender.send(placed_at, command.clone()).await?;
    Ok(sent.unwrap_or_else(|refusal| OrderImported {
        refused: (0..command.order.lines.len()).collect(),
        why: refusal.code(),
        ..OrderImported::default()
    }))
}

impl SentOrder {
    fn add_to(self, tally: &mut Tally) {
        tally.taken += self.taken as u64;
        tally.already_there += self.first.known as u64;
        let has_lines = self.refused.len() < self.order.lines.len();
        tally.orders_made += u64::from(self.first.is_new && has_lines);
        let mut has_sold = false;
        for (index, line) in self.order.lines.iter().enumerate() {
            if self.refused.binary_search(&index).is_err() {
                tally.add_line(line.quantity, line.unit_price);
                has_sold |= line.quantity > 0;
            }
        }
        let count = if has_sold {
            &mut tally.orders
        } else {
            &mut tally.returns
        };
        *count += u64::from(has_lines);
    }
}
