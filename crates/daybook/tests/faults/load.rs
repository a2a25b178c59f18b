//! Customers who order all the time, and conditions that their orders must meet afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::evidence::{self, eventually};
use crate::site::Visitor;

const CLIENTS: usize = 16;
/// Speed is not tested: this leaves the machine time for the processes that must keep up.
const BETWEEN_ORDERS: Duration = Duration::from_millis(20);
/// One order in this many is cancelled by its customer.
const CANCELLED: usize = 4;

/// Customers who order and cancel. Each request has a key of its own and is repeated until it is answered.
pub struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    /// Attempts to which the server answered that it could not execute them, or not yet.
    refused: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    pub fn start(customer: &Visitor, product: &str) -> Load {
        let counts = Arc::new(Counts::default());
        let client = |n| {
            let (customer, product) = (customer.clone(), product.to_owned());
            tokio::spawn(order_until_stopped(customer, product, n, counts.clone()))
        };
        Load {
            clients: (0..CLIENTS).map(client).collect(),
            counts: counts.clone(),
        }
    }

    /// Waits until this many more orders have been acknowledged: then the load is really running.
    pub async fn acknowledged(&self, more: u64) {
        counted(
            "the shop goes on taking orders",
            &self.counts.acknowledged,
            more,
        )
        .await;
    }

    /// Waits until this many more attempts were answered with 503.
    pub async fn refused(&self, more: u64) {
        counted("the shop turns orders away", &self.counts.refused, more).await;
    }

    /// Every order that was acknowledged.
    pub async fn end(self) -> Vec<String> {
        self.counts.stop.store(true, Ordering::Relaxed);
        let mut orders = Vec::new();
        for client in self.clients {
            orders.extend(client.await.unwrap());
        }
        orders
    }
}

async fn counted(what: &str, count: &AtomicU64, more: u64) {
    let goal = count.load(Ordering::Relaxed) + more;
    eventually(what, async || count.load(Ordering::Relaxed) >= goal).await;
}

async fn order_until_stopped(
    customer: Visitor,
    product: String,
    client: usize,
    counts: Arc<Counts>,
) -> Vec<String> {
    let mut placed = Vec::new();
    for n in 0.. {
        if counts.stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("client-{client}-order-{n}");
        let order = insist(&counts, &key, || customer.order(&product, 1)).await;
        let id = order["id"].as_str().unwrap().to_owned();
        counts.acknowledged.fetch_add(1, Ordering::Relaxed);
        if n % CANCELLED == 0 {
            let path = format!("/orders/{id}/cancel");
            let cancel = || customer.request(Method::POST, &path).json(&json!({}));
            insist(&counts, &format!("{key}-cancelled"), cancel).await;
        }
        placed.push(id);
        sleep(BETWEEN_ORDERS).await;
    }
    placed
}

/// Sends a request under a key until it has succeeded.
async fn insist(counts: &Counts, key: &str, request: impl Fn() -> RequestBuilder) -> Value {
    loop {
        // All attempts are one request in the log's metadata.
        let request = request()
            .header("idempotency-key", key)
            .header("x-request-id", key);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                if let Ok(body) = answer.json().await {
                    return body;
                }
            }
            Ok(answer) if answer.status() == 503 => {
                counts.refused.fetch_add(1, Ordering::Relaxed);
            }
            // The previous attempt is still being executed.
            Ok(answer) if answer.status() == 409 => {}
            Ok(answer) => panic!(
                "{} {}",
                answer.status(),
                answer.text().await.unwrap_or_default()
            ),
            Err(_) => {}
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Call it once the load has ended.
pub async fn judge(pool: &PgPool, orders: &[String]) {
    let others = evidence::orders_stand_once(pool, orders).await;
    // Every key was repeated until it was answered, so every order was acknowledged.
    assert_eq!(others, 0, "an order was placed that nobody was told of");
    evidence::everything_holds(pool).await;
}
