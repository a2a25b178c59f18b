use serde::{Deserialize, Serialize};

use super::{Address, ImportedLine, OrderLine};
use crate::event_type::event_types;
use crate::ids::UserId;
use crate::money::{Currency, Money};
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
    /// Another system took this order before the log began, for a customer or for nobody in particular. Its lines
    /// follow, each as an event of its own.
    #[serde(rename = "order.imported")]
    Imported {
        source: String,
        number: String,
        user_id: Option<UserId>,
        /// As the other system names it.
        country: Option<String>,
        currency: Currency,
    },
    #[serde(rename = "order.line_imported")]
    LineImported(ImportedLine),
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
        Imported => "order.imported", version "1";
        LineImported => "order.line_imported", version "1";
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
            Self::Imported { .. }
            | Self::LineImported { .. }
            | Self::Processed
            | Self::Shipped { .. }
            | Self::Delivered
            | Self::Cancelled { .. } => None,
        }
    }
}
