use crate::money::Currency;
use crate::rejection::InvalidField;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductRejection {
    #[error("There is no product with this id; check the id.")]
    NotFound,
    #[error("There is a product with this id already; create it under a new id.")]
    AlreadyExists,
    #[error("The product is retired and takes no more changes; create a new product instead.")]
    Retired,
    #[error(
        "The product is priced in {current} for good; give the price in {current}, or create a product in {given}."
    )]
    CurrencyMismatch { current: Currency, given: Currency },
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
}

impl ProductRejection {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "product-not-found",
            Self::AlreadyExists => "product-already-exists",
            Self::Retired => "product-retired",
            Self::CurrencyMismatch { .. } => "currency-mismatch",
            Self::InvalidField(_) => InvalidField::REJECTION_CODE,
        }
    }
}
