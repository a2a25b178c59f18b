use super::OrderStatus;
use crate::money::Currency;
use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    #[error("There is no order with this id; check the id.")]
    NotFound,
    #[error("There is an order with this id already; place it under a new id.")]
    AlreadyExists,
    #[error(
        "The products are priced in {first} and {other}; place an order of its own for each currency."
    )]
    MixedCurrencies { first: Currency, other: Currency },
    #[error("The total is more than an order can have; split it into several orders.")]
    TotalTooLarge,
    #[error("The order has been shipped and cannot be cancelled; have it sent back instead.")]
    AlreadyShipped,
    #[error("The order is {from} and cannot become {to}; load it again to see what can be done.")]
    InvalidTransition { from: OrderStatus, to: OrderStatus },
    #[error("Line {line} of the order is not what was imported before; compare the two files.")]
    ImportDiffers { line: u32 },
    #[error("The order was imported for another customer before; compare the two files.")]
    ImportedForAnother,
    #[error("The order has {known} lines so far; import the lines that follow them first.")]
    LinesMissing { known: usize },
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl OrderRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "order-not-found",
            Self::AlreadyExists => "order-already-exists",
            Self::MixedCurrencies { .. } => "mixed-currencies",
            Self::TotalTooLarge => "total-too-large",
            Self::AlreadyShipped => "already-shipped",
            Self::InvalidTransition { .. } => "invalid-transition",
            Self::ImportDiffers { .. } => "import-differs",
            Self::ImportedForAnother => "imported-for-another",
            Self::LinesMissing { .. } => "lines-missing",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
