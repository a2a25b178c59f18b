use serde::{Deserialize, Serialize};

use crate::event_type::event_types;
use crate::ids::{CategoryId, UserId};
use crate::money::Money;
use crate::stream::StreamId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ProductEvent {
    #[serde(rename = "product.created")]
    Created {
        name: String,
        description: String,
        price: Money,
        category_id: Option<CategoryId>,
        sku: Option<String>,
    },
    /// Both as they are from this event on.
    #[serde(rename = "product.described")]
    Described { name: String, description: String },
    #[serde(rename = "product.repriced")]
    Repriced { from: Money, to: Money },
    /// `None`: it is no longer in any category.
    #[serde(rename = "product.categorised")]
    Categorised { category_id: Option<CategoryId> },
    #[serde(rename = "product.retired")]
    Retired,
}

event_types! {
    ProductEvent {
        Created => "product.created", version "1";
        Described => "product.described", version "1";
        Repriced => "product.repriced", version "1";
        Categorised => "product.categorised", version "1";
        Retired => "product.retired", version "1";
    }
}

impl ProductEvent {
    pub const fn person(&self, _: StreamId) -> Option<UserId> {
        match self {
            Self::Created { .. }
            | Self::Described { .. }
            | Self::Repriced { .. }
            | Self::Categorised { .. }
            | Self::Retired => None,
        }
    }
}
