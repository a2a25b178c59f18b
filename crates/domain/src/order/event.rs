use serde::{Deserialize, Serialize};

use super::{Address, OrderLine};
use crate::event_type::event_types;
use crate::ids::UserId;
use crate::money::Money;
use crate::personal::Personal;
use crate::stream::StreamId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum OrderEvent {
    #[serde(rename = "order.placed")]
    Placed {
        user_id: UserId,
        lines: Vec<OrderLine>,
        total: Money,
        shipping_address: Option<Personal<Address>>,
    },
    #[serde(rename = "order.processed")]
    Processed,
    #[serde(rename = "order.shipped")]
    Shipped {
        carrier: Option<String>,
        tracking_number: Option<String>,
    },
    #[serde(rename = "order.delivered")]
    Delivered,
    #[serde(rename = "order.cancelled")]
    Cancelled { reason: Option<String> },
}

event_types! {
    OrderEvent {
        Placed => "order.placed", version "1";
        Processed => "order.processed", version "1";
        Shipped => "order.shipped", version "1";
        Delivered => "order.delivered", version "1";
        Cancelled => "order.cancelled", version "1";
    }
}

impl OrderEvent {
    pub fn person(&self, _: StreamId) -> Option<UserId> {
        match self {
            Self::Placed {
                user_id,
                shipping_address,
                ..
            } => shipping_address.as_ref().map(|_| *user_id),
            Self::Processed | Self::Shipped { .. } | Self::Delivered | Self::Cancelled { .. } => {
                None
            }
        }
    }
}
