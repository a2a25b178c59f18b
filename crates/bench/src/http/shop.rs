//! What the measurement needs in the shop: products that never run out, and a customer.

use axum::http::StatusCode;
use axum::http::header::HeaderValue;
use hyper::body::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::AdminAccount;
use super::connection::{Answer, Connection, Exchange, Target};
use crate::BenchError;
use crate::load::Client;

/// Orders go through these in turn, as customers of a real shop do not all want the same product.
const PRODUCTS: usize = 100;
const STOCK: u64 = 100_000_000;

pub(super) struct Shop<'a> {
    target: &'a Target,
    products: Vec<String>,
    /// The position at which all products exist.
    position: Option<HeaderValue>,
    customer: HeaderValue,
}

impl Shop<'_> {
    pub(super) async fn open<'a>(
        target: &'a Target,
        admin: AdminAccount<'_>,
    ) -> Result<Shop<'a>, BenchError> {
        let mut connection = Connection::open(target).await?;
        let admin = sign_in(&mut connection, admin.email, admin.password).await?;
        let (mut products, mut position) = (Vec::with_capacity(PRODUCTS), None);
        for number in 1..=PRODUCTS {
            let answer = create_product(&mut connection, &admin, number).await?;
            products.push(field(&answer.body, "id")?);
            position = answer.position;
        }
        let customer = register(&mut connection).await?;
        Ok(Shop {
            target,
            products,
            position,
            customer,
        })
    }

    /// Send it with [`Shop::position`] (`seeing`) the first time.
    pub(super) fn get_product(&self) -> Exchange {
        let id = self
            .products
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        Exchange::get(format!("/api/v1/products/{id}"))
    }

    pub(super) fn position(&self) -> Option<HeaderValue> {
        self.position.clone()
    }

    pub(super) async fn customers(&self, count: usize) -> Result<Vec<Customer>, BenchError> {
        let mut customers = Vec::with_capacity(count);
        for index in 0..count {
            let orders = self.products.iter().map(|product| {
                let body = json!({ "items": [{ "productId": product, "quantity": 1 }] });
                Exchange::post("/api/v1/orders", &body, StatusCode::CREATED)
                    .signed_in(&self.customer)
            });
            let connection = Connection::open(self.target).await?;
            customers.push(Customer {
                connection,
                orders: orders.collect(),
                next: index,
            });
        }
        Ok(customers)
    }
}

/// Orders one product after another.
pub(super) struct Customer {
    connection: Connection,
    orders: Vec<Exchange>,
    next: usize,
}

impl Client for Customer {
    async fn send(&mut self) -> Result<(), BenchError> {
        let order = &self.orders[self.next % self.orders.len()];
        self.next += 1;
        self.connection.exchange(order).await.map(drop)
    }
}

async fn sign_in(
    connection: &mut Connection,
    email: &str,
    password: &str,
) -> Result<HeaderValue, BenchError> {
    let body = json!({ "email": email, "password": password });
    let exchange = Exchange::post("/api/v1/users/login", &body, StatusCode::OK);
    let token = field(&connection.exchange(&exchange).await?.body, "accessToken")?;
    HeaderValue::from_str(&format!("Bearer {token}")).map_err(BenchError::new)
}

async fn register(connection: &mut Connection) -> Result<HeaderValue, BenchError> {
    let email = format!("bench-{}@example.com", Uuid::now_v7());
    let password = Uuid::now_v7().to_string();
    let body = json!({ "email": email, "password": password, "firstName": "Bench", "lastName": "Customer" });
    let exchange = Exchange::post("/api/v1/users/register", &body, StatusCode::CREATED);
    connection.exchange(&exchange).await?;
    sign_in(connection, &email, &password).await
}

async fn create_product(
    connection: &mut Connection,
    admin: &HeaderValue,
    number: usize,
) -> Result<Answer, BenchError> {
    let body = json!({
        "name": format!("Bench product {number}"),
        "description": "Sold by the thousand to nobody, to see how fast that can be done.",
        "price": 12.5,
        "currency": "EUR",
        "stock": STOCK,
    });
    let exchange = Exchange::post("/api/v1/products", &body, StatusCode::CREATED).signed_in(admin);
    connection.exchange(&exchange).await
}

fn field(body: &Bytes, name: &str) -> Result<String, BenchError> {
    let json: Value = serde_json::from_slice(body).map_err(BenchError::new)?;
    json[name]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| BenchError::new(format!("an answer has no {name}")))
}
