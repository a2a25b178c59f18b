//! Something that is sold: what it is called and what it costs. How many there are is its stock's, in a stream of its
//! own. That a SKU is taken only once, and that a category is there, are kept where commands are executed.

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
    /// Gone from the shop for good; its history stays.
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
    /// Ten digits, whatever the currency's places: 99,999,999.99 in EUR.
    pub const PRICE_MAX_MINOR: i64 = 9_999_999_999;

    /// Whether it was ever created: a retired product is still there to be looked at.
    pub const fn exists(&self) -> bool {
        self.created
    }
}
