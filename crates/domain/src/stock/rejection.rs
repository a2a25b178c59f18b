use crate::ids::OrderId;
use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StockRejection {
    #[error(
        "{requested} units were asked for and {available} are available; ask for fewer, or wait for more."
    )]
    OutOfStock { available: u64, requested: u64 },
    #[error(
        "Order {order_id} has {reserved} units reserved, not {requested}; give no more than it has."
    )]
    NotReserved {
        order_id: OrderId,
        reserved: u32,
        requested: u32,
    },
    #[error(
        "There is room for {room} more units, not {requested} (a product has {limit} at most); receive fewer."
    )]
    LimitExceeded {
        limit: u64,
        room: u64,
        requested: u64,
    },
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl StockRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfStock { .. } => "out-of-stock",
            Self::NotReserved { .. } => "not-reserved",
            Self::LimitExceeded { .. } => "stock-limit-exceeded",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
