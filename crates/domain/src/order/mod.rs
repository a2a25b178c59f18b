//! What a customer bought, at the prices of that moment, and how far the order has come: pending → processing → shipped
//! → delivered, or cancelled before it is shipped. Where commands are executed, the reservations in its products'
//! stocks are appended together with the order's own events.
//!
//! An order that another system took before this log began is imported as it was, and stays that way.

mod address;
mod apply;
mod command;
mod decide;
mod describe;
mod event;
mod import;
mod line;
mod rejection;
mod status;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::address::Address;
pub use self::command::OrderCommand;
pub use self::event::OrderEvent;
pub use self::import::{Imported, ImportedLine, OrderImport};
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
    /// The customer, whose key seals the address. Only an imported order may have none.
    pub user_id: Option<UserId>,
    pub lines: Vec<OrderLine>,
    /// The sum of the lines; negative where more came back than was sold.
    pub total: Money,
    pub status: OrderStatus,
    pub shipping_address: Option<Personal<Address>>,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub cancellation_reason: Option<String>,
    /// What is known about the lines of an imported order. They are not in `lines`.
    pub imported: Option<Box<Imported>>,
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
