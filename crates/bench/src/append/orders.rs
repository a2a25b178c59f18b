//! Single-unit orders.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daybook_commands::{CommandBus, CreateProduct, PlaceOrder, RegisterUser};
use daybook_domain::user::Role;
use daybook_domain::{Currency, Money, ProductId, UserId};
use daybook_log::Position;
use futures::future::try_join_all;
use uuid::Uuid;

use super::execute;
use crate::BenchError;
use crate::load::Client;

/// More than any run can sell.
const STOCK: u64 = 1_000_000_000;

/// How the orders are spread over products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    OneProduct,
    Products(usize),
}

impl Spread {
    fn count(self) -> usize {
        match self {
            Spread::OneProduct => 1,
            Spread::Products(count) => count.max(1),
        }
    }
}

pub(crate) struct Customer {
    bus: CommandBus,
    keyed: bool,
    user_id: UserId,
    products: Arc<Vec<ProductId>>,
    /// Shared, so that customers go through the products together and rarely order the same one at the same time.
    next: Arc<AtomicUsize>,
}

/// Creates a user and the products, then as many customers as are asked for.
pub(crate) async fn customers(
    bus: &CommandBus,
    count: usize,
    keyed: bool,
    spread: Spread,
) -> Result<Vec<Customer>, BenchError> {
    let user_id = register(bus).await?;
    let made = (0..spread.count()).map(|_| create_product(bus));
    let products = Arc::new(try_join_all(made).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let customer = || Customer {
        bus: bus.clone(),
        keyed,
        user_id,
        products: Arc::clone(&products),
        next: Arc::clone(&next),
    };
    Ok((0..count).map(|_| customer()).collect())
}

impl Client for Customer {
    async fn send(&mut self) -> Result<(), BenchError> {
        self.order().await?;
        Ok(())
    }
}

impl Customer {
    /// Places an order; returns its position.
    pub(crate) async fn order(&self) -> Result<Position, BenchError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let product = self.products[number % self.products.len()];
        let command = PlaceOrder {
            id: Uuid::now_v7().into(),
            user_id: self.user_id,
            items: vec![(product, 1)],
            shipping_address: None,
        };
        execute(&self.bus, command, self.keyed).await
    }
}

async fn register(bus: &CommandBus) -> Result<UserId, BenchError> {
    let id = Uuid::now_v7();
    let email = format!("bench-{id}@example.com")
        .parse()
        .map_err(|_| BenchError::new("an e-mail address was refused".to_owned()))?;
    let command = RegisterUser {
        id: id.into(),
        email,
        first_name: "Bench".to_owned(),
        last_name: "Customer".to_owned(),
        roles: BTreeSet::from([Role::User]),
    };
    execute(bus, command, false).await?;
    Ok(id.into())
}

async fn create_product(bus: &CommandBus) -> Result<ProductId, BenchError> {
    let currency: Currency = "EUR"
        .parse()
        .map_err(|_| BenchError::new("EUR was refused".to_owned()))?;
    let id = ProductId::from(Uuid::now_v7());
    let command = CreateProduct {
        id,
        name: "Bench product".to_owned(),
        description: String::new(),
        price: Money::new(1_250, currency),
        stock: STOCK,
        category_id: None,
        sku: None,
    };
    execute(bus, command, false).await?;
    Ok(id)
}
