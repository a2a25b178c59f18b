use super::{Address, OrderImport, OrderLine};
use crate::ids::UserId;

/// Its `Debug` shows personal data: not for logs.
#[derive(Clone, Debug)]
pub enum OrderCommand {
    /// Names and prices in the lines are the shop's, not the customer's.
    Place {
        user_id: UserId,
        lines: Vec<OrderLine>,
        shipping_address: Option<Address>,
    },
    Import(OrderImport),
    Process,
    Ship {
        carrier: Option<String>,
        tracking_number: Option<String>,
    },
    Deliver,
    Cancel {
        reason: Option<String>,
    },
}
