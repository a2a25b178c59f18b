use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far an order has come. Written in lower case.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    #[default]
    Pending,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
    /// Taken by another system before the log began: nothing more happens to it here.
    Imported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Give `pending`, `processing`, `shipped`, `delivered`, `cancelled` or `imported`.")]
pub struct UnknownOrderStatus;

impl OrderStatus {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Processing,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
        Self::Imported,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Imported => "imported",
        }
    }

    pub const fn has_left_the_warehouse(self) -> bool {
        matches!(self, Self::Shipped | Self::Delivered)
    }

    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Processing | Self::Cancelled)
                | (Self::Processing, Self::Shipped | Self::Cancelled)
                | (Self::Shipped, Self::Delivered)
        )
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownOrderStatus;

    fn from_str(status: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or(UnknownOrderStatus)
    }
}
