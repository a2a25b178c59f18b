//! Something that is sold: its name and its price. How many there are belongs to its stock, in a stream of its own. Two
//! rules are enforced where commands are executed: a SKU is taken only once, and the category exists.

mod apply;
mod command;
mod decide;
mod describe;
mod event;
mod rejection;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::command::ProductCommand;
pub use self::event::ProductEvent;
pub use self::rejection::ProductRejection;
use crate::ids::CategoryId;
use crate::money::Money;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    pub created: bool,
    /// Removed from the shop for ever; its history stays.
    pub retired: bool,
    pub name: String,
    pub description: String,
    /// Its currency never changes.
    pub price: Money,
    pub category_id: Option<CategoryId>,
    pub sku: Option<String>,
}

impl Product {
    pub const NAME_MAX_CHARS: usize = 255;
    pub const DESCRIPTION_MAX_CHARS: usize = 10_000;
    pub const SKU_MAX_CHARS: usize = 64;
    /// Ten digits, however many decimal places the currency has: 99,999,999.99 in EUR.
    pub const PRICE_MAX_MINOR: i64 = 9_999_999_999;

    /// Whether it was ever created: a retired product still exists and can be looked at.
    pub const fn exists(&self) -> bool {
        self.created
    }
}
