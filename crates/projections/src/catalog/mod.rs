//! The catalog: products with their stock, and categories.

mod categories;
mod products;
mod project;
mod query;
mod search;

use chrono::{DateTime, Utc};
use daybook_domain::{CategoryId, Money, ProductId};
use daybook_log::Position;
use rust_decimal::Decimal;

pub use self::{
    project::{Catalog, NAME},
    query::CatalogQueries,
};

/// A product that is on sale.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    pub id: ProductId,
    pub name: String,
    pub description: String,
    pub price: Money,
    /// Units that can be ordered.
    pub stock: i64,
    pub category_id: Option<CategoryId>,
    pub sku: Option<String>,
    pub created_at: DateTime<Utc>,
    /// When the product or its stock last changed.
    pub updated_at: DateTime<Utc>,
    pub product_version: i64,
    /// 0 when the product never had stock.
    pub stock_version: i64,
}

/// A product and the read model's position when it was read.
#[derive(Clone, Debug)]
pub struct ProductAt {
    pub product: Product,
    pub position: Position,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    pub id: CategoryId,
    pub name: String,
    pub description: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

/// Which products to find. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    /// Words to search for, as people type them into a search box.
    pub q: Option<String>,
    pub category: Option<CategoryId>,
    /// Inclusive, in the currency's main unit: `12.50`.
    pub min_price: Option<Decimal>,
    pub max_price: Option<Decimal>,
    pub in_stock: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductSort {
    Name,
    NameDescending,
    Price,
    PriceDescending,
    Newest,
    /// The best match first. Without words to search for, the newest first.
    Relevance,
}

/// How many products of a category a filter finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    pub category_id: CategoryId,
    pub name: String,
    pub count: i64,
}
