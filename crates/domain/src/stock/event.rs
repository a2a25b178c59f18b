use serde::{Deserialize, Serialize};

use crate::event_type::event_types;
use crate::ids::{OrderId, UserId};
use crate::stream::StreamId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum StockEvent {
    #[serde(rename = "stock.received")]
    Received {
        quantity: u64,
        reason: Option<String>,
    },
    #[serde(rename = "stock.written_off")]
    WrittenOff {
        quantity: u64,
        reason: Option<String>,
    },
    #[serde(rename = "stock.reserved")]
    Reserved { order_id: OrderId, quantity: u32 },
    #[serde(rename = "stock.released")]
    Released { order_id: OrderId, quantity: u32 },
    #[serde(rename = "stock.shipped")]
    Shipped { order_id: OrderId, quantity: u32 },
}

event_types! {
    StockEvent {
        Received => "stock.received", version "1";
        WrittenOff => "stock.written_off", version "1";
        Reserved => "stock.reserved", version "1";
        Released => "stock.released", version "1";
        Shipped => "stock.shipped", version "1";
    }
}

impl StockEvent {
    pub const fn person(&self, _: StreamId) -> Option<UserId> {
        match self {
            Self::Received { .. }
            | Self::WrittenOff { .. }
            | Self::Reserved { .. }
            | Self::Released { .. }
            | Self::Shipped { .. } => None,
        }
    }
}
