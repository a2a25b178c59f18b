//! What a customer bought, at the prices of that moment, and how far it has come:
//! pending → processing → shipped → delivered, or cancelled before it is shipped. The reservations in its products'
//! stocks are appended together with the order's own events where commands are executed.

mod address;
mod apply;
mod command;
mod decide;
mod event;
mod line;
mod rejection;
mod status;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::address::Address;
pub use self::command::OrderCommand;
pub use self::event::OrderEvent;
pub use self::line::OrderLine;
pub use self::rejection::OrderRejection;
pub use self::status::{OrderStatus, UnknownOrderStatus};
use crate::ids::UserId;
use crate::money::Money;
use crate::personal::Personal;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub placed: bool,
    /// Whose order it is, and whose key seals the address.
    pub user_id: UserId,
    pub lines: Vec<OrderLine>,
    /// The sum of the lines.
    pub total: Money,
    pub status: OrderStatus,
    pub shipping_address: Option<Personal<Address>>,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub cancellation_reason: Option<String>,
}

impl Order {
    pub const MAX_LINES: usize = 100;
    pub const MAX_QUANTITY: u32 = 10_000;
    pub const CARRIER_MAX_CHARS: usize = 100;
    pub const TRACKING_NUMBER_MAX_CHARS: usize = 100;
    pub const REASON_MAX_CHARS: usize = 500;

    pub const fn exists(&self) -> bool {
        self.placed
    }
}
