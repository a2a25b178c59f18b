//! Why a command was not carried out: reasons that are about the shop, not about the server.

use daybook_domain::{CategoryId, ProductId, Rejection};

use crate::claims::ClaimKind;

/// A rule said no. Refusals are answers like any other: confirmed, and recorded under the key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Rejected(Rejection),
    #[error("{}", .0.taken())]
    ClaimTaken(ClaimKind),
    #[error("the category still has products; move or retire them first")]
    CategoryInUse,
    #[error("the resource is at version {current} by now; read it again and repeat the change")]
    PreconditionFailed { current: i64 },
    #[error("there is not enough in stock")]
    OutOfStock(Vec<Shortage>),
    #[error("there is no product {product_id}")]
    UnknownProduct { index: usize, product_id: ProductId },
    #[error("product {product_id} is no longer sold")]
    ProductRetired { index: usize, product_id: ProductId },
    #[error("there is no category {0}")]
    UnknownCategory(CategoryId),
    #[error("the personal data of this account was erased")]
    PersonErased,
    #[error("this is for administrators")]
    NoAdministrator,
}

/// A product of which an order wants more units than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub product_id: ProductId,
    pub requested: u32,
    pub available: u64,
}

impl Refusal {
    /// Stable, kebab-case: clients may rely on it.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Rejected(rejection) => rejection.code(),
            Refusal::ClaimTaken(kind) => kind.taken_code(),
            Refusal::CategoryInUse => "category-in-use",
            Refusal::PreconditionFailed { .. } => "precondition-failed",
            Refusal::OutOfStock(_) => "out-of-stock",
            Refusal::UnknownProduct { .. } => "unknown-product",
            Refusal::ProductRetired { .. } => "product-retired",
            Refusal::UnknownCategory(_) => "unknown-category",
            Refusal::PersonErased => "person-erased",
            Refusal::NoAdministrator => "forbidden",
        }
    }
}

impl<R: Into<Rejection>> From<R> for Refusal {
    fn from(rejection: R) -> Refusal {
        Refusal::Rejected(rejection.into())
    }
}

/// Compares the version that a client expects with the current one.
pub(crate) fn check_version(expected: Option<i64>, current: i64) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != current => Err(Refusal::PreconditionFailed { current }),
        _ => Ok(()),
    }
}
