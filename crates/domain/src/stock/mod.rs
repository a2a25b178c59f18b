//! The units of one product. Its stream has the product's id and begins with the first units received; a product whose
//! stock has no events has no units.
//!
//! Invariant, after every event: `on_hand + reserved + shipped == received - written_off`, and none is negative.

mod apply;
mod command;
mod decide;
mod describe;
mod event;
mod rejection;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::command::StockCommand;
pub use self::event::StockEvent;
pub use self::rejection::StockRejection;
use crate::ids::OrderId;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    /// In the warehouse and not promised to an order: what can be sold.
    pub on_hand: u64,
    /// In the warehouse and promised to orders: the sum of `reservations`.
    pub reserved: u64,
    pub shipped: u64,
    /// All units ever received.
    pub received: u64,
    /// All units ever written off.
    pub written_off: u64,
    /// What each open order still has reserved, never 0. Entries go when their order is shipped or cancelled.
    pub reservations: BTreeMap<OrderId, u32>,
}

impl Stock {
    /// The most units that the warehouse holds of one product, reserved ones included.
    pub const MAX_UNITS: u64 = 1_000_000_000;
    /// 2^53 − 1: the largest integer that every JSON reader reads exactly.
    pub const MAX_RECEIVED: u64 = (1 << 53) - 1;
    pub const REASON_MAX_CHARS: usize = 500;

    /// What can be sold.
    pub const fn available(&self) -> u64 {
        self.on_hand
    }

    pub fn reserved_for(&self, order_id: OrderId) -> u32 {
        self.reservations.get(&order_id).copied().unwrap_or(0)
    }
}
