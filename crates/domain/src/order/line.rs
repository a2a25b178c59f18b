use serde::{Deserialize, Serialize};

use crate::ids::ProductId;
use crate::money::Money;

/// A product as it was when it was ordered: later changes of name or price do not affect it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    pub product_id: ProductId,
    pub name: String,
    pub quantity: u32,
    pub unit_price: Money,
}

impl OrderLine {
    /// `None` when it does not fit.
    pub fn total(&self) -> Option<Money> {
        self.unit_price.checked_mul(self.quantity)
    }
}
