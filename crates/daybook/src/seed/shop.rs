//! The categories and products of `shop.json`.

use std::sync::LazyLock;

use chrono::Duration;
use daybook_commands::{CreateCategory, CreateProduct, fixed_id};
use daybook_contract::DecimalNumber;
use daybook_domain::order::Address;
use daybook_domain::{CategoryId, Currency, Money, ProductId, StreamId};
use serde::Deserialize;

use super::{OPENED, Seeder};
use crate::failure::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shop {
    currency: Currency,
    categories: Vec<CategoryEntry>,
    pub(super) customers: Vec<CustomerEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryEntry {
    name: String,
    description: String,
    products: Vec<ProductEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductEntry {
    sku: String,
    name: String,
    price: DecimalNumber,
    stock: u64,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CustomerEntry {
    /// Identifies the customer in `orders.json`.
    pub(super) key: String,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) address: Address,
}

#[allow(clippy::expect_used)] // A test reads what is embedded.
pub(super) static SHOP: LazyLock<Shop> =
    LazyLock::new(|| serde_json::from_str(include_str!("shop.json")).expect("shop.json is a shop"));

/// The product's id, which is derived from its SKU.
pub(super) fn product_id(sku: &str) -> ProductId {
    let rank = SHOP
        .categories
        .iter()
        .flat_map(|category| &category.products)
        .position(|product| product.sku == sku);
    fixed_id(&format!("demo product {sku}"), rank.unwrap_or_default()).into()
}

/// Creates what is missing; returns how many categories and products.
pub(super) async fn lay_out(seeder: &Seeder<'_>) -> Result<(usize, usize), Failure> {
    let mut made = (0, 0);
    let mut at = seeder.now - OPENED;
    for (rank, category) in SHOP.categories.iter().enumerate() {
        let id = CategoryId::from(fixed_id(&format!("demo category {}", category.name), rank));
        if !seeder.is_there(StreamId::category(id)).await? {
            let command = CreateCategory {
                id,
                name: category.name.clone(),
                description: category.description.clone(),
            };
            seeder
                .send(&format!("the category {}", category.name), at, command)
                .await?;
            made.0 += 1;
        }
        for product in &category.products {
            at += Duration::minutes(3);
            let id = product_id(&product.sku);
            if seeder.is_there(StreamId::product(id)).await? {
                continue;
            }
            let command = CreateProduct {
                id,
                name: product.name.clone(),
                description: product.description.clone(),
                price: product.price(),
                stock: product.stock,
                category_id: Some(id_of(category, rank)),
                sku: Some(product.sku.clone()),
            };
            seeder
                .send(&format!("the product {}", product.sku), at, command)
                .await?;
            made.1 += 1;
        }
    }
    Ok(made)
}

impl ProductEntry {
    #[allow(clippy::expect_used)] // A test reads every price.
    fn price(&self) -> Money {
        self.price
            .to_money(SHOP.currency)
            .expect("a price in shop.json is an amount")
    }
}

fn id_of(category: &CategoryEntry, rank: usize) -> CategoryId {
    fixed_id(&format!("demo category {}", category.name), rank).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_shop_has_sixty_products_in_eight_categories() {
        let products: Vec<_> = SHOP
            .categories
            .iter()
            .flat_map(|category| &category.products)
            .collect();
        assert_eq!((SHOP.categories.len(), products.len()), (8, 60));
        let ids: BTreeSet<_> = products
            .iter()
            .map(|product| product_id(&product.sku))
            .collect();
        assert_eq!(ids.len(), 60, "two products have one SKU");
        for product in products {
            assert!(product.price().minor > 0, "{} costs nothing", product.sku);
            assert!(
                !product.description.is_empty(),
                "{} is not described",
                product.sku
            );
        }
    }
}
