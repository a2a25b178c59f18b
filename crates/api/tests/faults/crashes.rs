//! `kill -9` of the server and of PostgreSQL, under load, again and again.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use daybook_private_postgres::{Durability, PrivateServer, ServerConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::evidence;
use crate::process::{self, Server};
use crate::site::{Site, Visitor, serve};

const CLIENTS: usize = 16;
const KILLS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// Customers who order, each order under a key of its own, and repeat it until it is answered.
struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(customer: &Visitor, product: &str) -> Load {
        let (answered, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let client = |n| {
            tokio::spawn(order_until(
                customer.clone(),
                product.to_owned(),
                n,
                answered.clone(),
                stop.clone(),
            ))
        };
        Load {
            clients: (0..CLIENTS).map(client).collect(),
            answered,
            stop,
        }
    }

    /// Waits until so many more orders have been acknowledged: the load is really running.
    async fn acknowledged(&self, more: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        let reached = async {
            while self.answered.load(Ordering::Relaxed) < goal {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached)
            .await
            .expect("the shop goes on taking orders");
    }

    /// Every order that was acknowledged.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut orders = Vec::new();
        for client in self.clients {
            orders.extend(client.await.unwrap());
        }
        orders
    }
}

async fn order_until(
    customer: Visitor,
    product: String,
    client: usize,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut placed = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("client-{client}-order-{n}");
        loop {
            // Several of a client's attempts at one order are one request to the log's metadata.
            let request = customer
                .order(&product, 1)
                .header("idempotency-key", &key)
                .header("x-request-id", &key);
            match request.send().await {
                Ok(answer) if answer.status() == 201 => {
                    let order: Value = match answer.json().await {
                        Ok(order) => order,
                        Err(_) => continue,
                    };
                    placed.push(order["id"].as_str().unwrap().to_owned());
                    answered.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                // Still under way from the attempt before, or the server says that it cannot tell.
                Ok(answer) if answer.status() == 409 || answer.status() == 503 => {}
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
    placed
}

async fn judge(pool: &PgPool, orders: &[String]) {
    let others = evidence::orders_stand_once(pool, orders).await;
    // Every key was repeated until it was answered, so there is nothing but what was acknowledged.
    assert_eq!(others, 0, "an order was placed that nobody was told of");
    evidence::everything_holds(pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_the_server() {
    let site = Site::new().await;
    let listen = free_address();
    let mut server = site.open(&listen).await;
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let customer = Visitor::customer(&server).await;
    let load = Load::start(&customer, &product);
    for _ in 0..KILLS {
        load.acknowledged(50).await;
        server.kill().await;
        server = site.open(&listen).await;
    }
    load.acknowledged(50).await;
    let orders = load.end().await;
    println!(
        "{} orders were acknowledged over {KILLS} deaths of the server",
        orders.len()
    );
    judge(&site.database.superuser_pool().unwrap(), &orders).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_postgres_and_the_server_comes_back_by_itself()
{
    let folder = process::folder();
    let config = ServerConfig::new(folder.path().join("postgres")).durability(Durability::Durable);
    let mut postgres = PrivateServer::start(config).await.unwrap();
    let mut command = serve(
        folder.path(),
        &postgres.server_url(),
        &postgres.migration_url(),
        "127.0.0.1:0",
    );
    let server = Server::start_command(&mut command).await;
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let customer = Visitor::customer(&server).await;
    let load = Load::start(&customer, &product);
    for _ in 0..KILLS {
        load.acknowledged(50).await;
        // What `pg_ctl stop -m immediate` sends: no checkpoint, no goodbye.
        kill_process(Pid::from_raw(postgres.pid()).unwrap(), Signal::QUIT).unwrap();
        postgres.exited().await;
        postgres.restart().await.unwrap();
    }
    load.acknowledged(50).await;
    let orders = load.end().await;
    println!(
        "{} orders were acknowledged over {KILLS} deaths of PostgreSQL",
        orders.len()
    );
    let pool = PgPool::connect(&postgres.url("daybook")).await.unwrap();
    judge(&pool, &orders).await;
    assert!(server.stop().await.success());
}

/// An address that nobody listens on, to come back to after a crash.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}
