use crate::ids::OrderId;

#[derive(Clone, Debug)]
pub enum StockCommand {
    /// Units come into the warehouse.
    Receive {
        quantity: u64,
        reason: Option<String>,
    },
    /// Units are lost, broken or gone in another way than by an order.
    WriteOff {
        quantity: u64,
        reason: Option<String>,
    },
    /// Promises units to an order, in addition to what it has reserved already.
    Reserve { order_id: OrderId, quantity: u32 },
    /// Takes the promise back.
    Release { order_id: OrderId, quantity: u32 },
    /// Reserved units leave the warehouse.
    Ship { order_id: OrderId, quantity: u32 },
}
