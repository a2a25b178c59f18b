//! The products and customers of the orders, created before the orders are.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_commands::{ClaimKind, CreateProduct, ImportCustomer, Refusal, fixed_id};
use daybook_domain::product::ProductRejection;
use daybook_domain::user::UserRejection;
use daybook_domain::{Money, ProductId, Rejection, UserId};
use futures::stream::{self, StreamExt, TryStreamExt};
use xxhash_rust::xxh3::xxh3_128;

use super::error::ImportError;
use super::orders::Order;
use super::sender::Sender;

/// Concurrent commands.
const AT_ONCE: usize = 512;

/// Keeps some fifty bytes for each product and customer. This is the only memory that grows with the file, and it grows
/// with the number of products and customers, not of lines.
pub(crate) struct Catalog {
    sender: Arc<Sender>,
    products: HashMap<Sku, ProductId>,
    customers: HashSet<UserId>,
    products_made: u64,
    customers_made: u64,
}

/// A SKU's hash, wide enough that no two SKUs have the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Sku(u128);

impl Sku {
    fn of(sku: &str) -> Sku {
        Sku(xxh3_128(sku.as_bytes()))
    }
}

/// A product as the first line with its SKU describes it.
struct NewProduct<'o> {
    sku: &'o str,
    name: &'o str,
    price: Money,
    at: DateTime<Utc>,
}

impl Catalog {
    pub(crate) fn new(sender: Arc<Sender>) -> Catalog {
        Catalog {
            sender,
            products: HashMap::new(),
            customers: HashSet::new(),
            products_made: 0,
            customers_made: 0,
        }
    }

    /// Creates the products and customers of these orders that the shop does not have.
    pub(crate) async fn prepare(&mut self, orders: &[Order]) -> Result<(), ImportError> {
        let products = self.unknown_products(orders);
        let customers = self.unknown_customers(orders);
        let sender = Arc::clone(&self.sender);
        let (products, customers) = tokio::try_join!(
            make_products(&sender, products),
            make_customers(&sender, customers)
        )?;
        for (sku, id, is_new) in products {
            self.products.insert(sku, id);
            self.products_made += u64::from(is_new);
        }
        self.customers_made += customers;
        Ok(())
    }

    /// `None` if no order with this SKU was given to [`Catalog::prepare`] yet.
    pub(crate) fn product(&self, sku: &str) -> Option<ProductId> {
        self.products.get(&Sku::of(sku)).copied()
    }

    /// The number of different products and customers so far.
    pub(crate) fn count(&self) -> (u64, u64) {
        (self.products.len() as u64, self.customers.len() as u64)
    }

    pub(crate) fn products_made(&self) -> u64 {
        self.products_made
    }

    pub(crate) fn customers_made(&self) -> u64 {
        self.customers_made
    }

    fn unknown_products<'o>(&self, orders: &'o [Order]) -> HashMap<Sku, NewProduct<'o>> {
        let mut unknown = HashMap::new();
        for line in orders.iter().flat_map(|order| &order.lines) {
            let sku = Sku::of(&line.sku);
            if self.products.contains_key(&sku) {
                continue;
            }
            if let Entry::Vacant(vacant) = unknown.entry(sku) {
                vacant.insert(NewProduct {
                    sku: &line.sku,
                    name: &line.name,
                    price: line.price,
                    at: line.placed_at,
                });
            }
        }
        unknown
    }

    fn unknown_customers(&mut self, orders: &[Order]) -> Vec<(DateTime<Utc>, ImportCustomer)> {
        let mut unknown = Vec::new();
        for order in orders {
            let Some((id, external_id)) = self.sender.customer(order) else {
                continue;
            };
            if self.customers.insert(id) {
                let command = ImportCustomer {
                    id,
                    source: self.sender.source.clone(),
                    external_id: external_id.to_owned(),
                };
                unknown.push((order.lines[0].placed_at, command));
            }
        }
        unknown
    }
}

/// Returns each product's id and whether it is new.
async fn make_products(
    sender: &Sender,
    products: HashMap<Sku, NewProduct<'_>>,
) -> Result<Vec<(Sku, ProductId, bool)>, ImportError> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    let skus = products.values().map(|product| product.sku);
    let owners = sender.bus.sku_owners(skus).await?;
    stream::iter(products)
        .map(|(sku, product)| {
            let owner = owners.get(product.sku).copied();
            async move {
                match owner {
                    Some(id) => Ok((sku, id, false)),
                    None => make_product(sender, &product)
                        .await
                        .map(|(id, is_new)| (sku, id, is_new)),
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn make_product(
    sender: &Sender,
    product: &NewProduct<'_>,
) -> Result<(ProductId, bool), ImportError> {
    let sku = product.sku;
    let name = format!("imported product {} {sku}", sender.source);
    let id = ProductId::from(fixed_id(&name, 0));
    let command = CreateProduct {
        id,
        name: product.name.to_owned(),
        description: String::new(),
        price: product.price,
        stock: 0,
        category_id: None,
        sku: Some(sku.to_owned()),
    };
    match sender.send(product.at, command).await? {
        Ok(_) => Ok((id, true)),
        // It was imported before, and removed from the shop since.
        Err(Refusal::Rejected(Rejection::Product(ProductRejection::AlreadyExists))) => {
            Ok((id, false))
        }
        // Somebody created a product with this SKU at the same moment.
        Err(Refusal::ClaimTaken(ClaimKind::Sku)) => {
            let owner = sender.bus.sku_owners([sku]).await?.remove(sku);
            Ok((owner.unwrap_or(id), false))
        }
        Err(refusal) => Err(refused(format!("the product {sku}"), &refusal)),
    }
}

/// Returns how many are new.
async fn make_customers(
    sender: &Sender,
    customers: Vec<(DateTime<Utc>, ImportCustomer)>,
) -> Result<u64, ImportError> {
    stream::iter(customers)
        .map(|(at, command)| async move {
            match sender.send(at, command).await? {
                Ok(_) => Ok(1),
                Err(Refusal::Rejected(Rejection::User(UserRejection::AlreadyExists))) => Ok(0),
                Err(refusal) => Err(refused("a customer".to_owned(), &refusal)),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, |made, one| async move { Ok(made + one) })
        .await
}

fn refused(what: String, refusal: &Refusal) -> ImportError {
    ImportError::Refused {
        what,
        code: refusal.code(),
    }
}
