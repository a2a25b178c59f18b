use super::{Stock, StockEvent};
use crate::describe::{because, units};

impl StockEvent {
    /// Describes the event in words. It does not need the state before the event, so a long stream need not be read for
    /// it.
    pub fn describe(&self, _: &Stock) -> String {
        match self {
            Self::Received { quantity, reason } => {
                format!(
                    "{} received{}",
                    units(*quantity),
                    because(reason.as_deref())
                )
            }
            Self::WrittenOff { quantity, reason } => {
                format!(
                    "{} written off{}",
                    units(*quantity),
                    because(reason.as_deref())
                )
            }
            Self::Reserved { order_id, quantity } => {
                format!(
                    "{} reserved for order {order_id}",
                    units((*quantity).into())
                )
            }
            Self::Released { order_id, quantity } => {
                format!("{} of order {order_id} released", units((*quantity).into()))
            }
            Self::Shipped { order_id, quantity } => {
                format!(
                    "{} shipped with order {order_id}",
                    units((*quantity).into())
                )
            }
        }
    }

    /// Whether [`StockEvent::describe`] uses the state before the event: never.
    pub const fn tells_what_was_before(&self) -> bool {
        false
    }
}
