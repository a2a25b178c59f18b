//! The second pass: makes orders of the sorted rows.

use std::mem;

use super::progress::ImportProgress;
use tokio::sync::mpsc;

use super::error::ImportError;
use super::fields::Fields;
use super::line::{Line, Reading};
use super::reason::Reason;
use super::rejects::Rejects;
use super::sort::{Entry, Sorted};

/// How many lines of one order are held in memory, at most. If there are more, the number comes from a wrong column.
const MOST_LINES: usize = 100_000;

/// An order with those of its lines that can be read; there is at least one.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub number: String,
    pub lines: Vec<Line>,
    /// The position and the text of each line, for those that the shop's own rules reject.
    pub rows: Vec<(u64, String)>,
}

/// Blocks. Returns early, without an error, if the receiver takes no more orders.
pub(crate) fn form(
    rows: Sorted,
    separator: u8,
    reading: &Reading,
    rejects: &Rejects,
    progress: &dyn ImportProgress,
    orders: &mpsc::Sender<Order>,
) -> Result<(), ImportError> {
    let mut fields = Fields::separated_by(separator);
    let mut order = Order::default();
    for entry in rows {
        let Entry {
            order: number,
            line: at,
            text,
        } = entry.map_err(ImportError::Temporary)?;
        if number != order.number {
            let begun = Order {
                number,
                ..Order::default()
            };
            if !sent(mem::replace(&mut order, begun), orders) {
                return Ok(());
            }
        }
        fields.split(&text);
        match reading.line(&fields) {
            Ok(_) if order.lines.len() == MOST_LINES => {
                progress.advance(1);
                rejects.add(at, &text, Reason::OrderTooLong)?;
            }
            Ok(line) if order.is_anothers(&line) => {
                progress.advance(1);
                rejects.add(at, &text, Reason::OtherCustomer)?;
            }
            Ok(line) => {
                order.lines.push(line);
                order.rows.push((at, text));
            }
            Err(reason) => {
                progress.advance(1);
                rejects.add(at, &text, reason)?;
            }
        }
    }
    sent(order, orders);
    Ok(())
}

impl Order {
    /// Whether a line names another customer. An order has one customer, whom some exports name on its first line only.
    fn is_anothers(&self, line: &Line) -> bool {
        let first = self.lines.first();
        !line.customer.is_empty() && first.is_some_and(|first| first.customer != line.customer)
    }
}

fn sent(order: Order, orders: &mpsc::Sender<Order>) -> bool {
    order.lines.is_empty() || orders.blocking_send(order).is_ok()
}
