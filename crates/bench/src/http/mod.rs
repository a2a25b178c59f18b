//! The whole stack over HTTP, with keep-alive connections.
//!
//! Reading is reported as a ratio: `GET /products/{id}` against a bare axum handler that answers with a constant of the
//! same size, in turn, in one run. Ordering is reported as the peak rate, and as the time that customers wait at half
//! of that rate.

mod bare;
mod connection;
mod shop;

use std::time::Duration;

use serde::Serialize;

use self::connection::{Connection, Exchange};
use self::shop::Shop;
use super::load::{closed_loop, open_loop};
use super::{BenchError, Report};

pub use self::connection::Target;

/// Reading is measured in this many turns, so that changes of the machine's speed affect both sides.
const TURNS: u32 = 2;

/// The account to sign in as, to create products.
pub struct AdminAccount<'a> {
    pub email: &'a str,
    pub password: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpReport {
    pub bare: Report,
    pub product: Report,
    /// Requests a second for a product, divided by those for the bare handler.
    pub product_to_bare: f64,
    pub order_peak: Report,
    pub order_at_half_peak: Report,
}

/// Measures the server at `target`, whose rate limits must be off. Each of the four figures takes `duration`.
pub async fn run(
    target: &Target,
    admin: AdminAccount<'_>,
    clients: usize,
    duration: Duration,
) -> Result<HttpReport, BenchError> {
    let shop = Shop::open(target, admin).await?;
    let product = shop.get_product();
    let first = product.clone().seeing(shop.position());
    let answer = Connection::open(target).await?.exchange(&first).await?;
    let constant = bare::Server::start(answer.body).await?;

    let (mut bare, mut read) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let turn = duration / TURNS;
        let clients_of = |target: Target| connect(target, clients, product.clone());
        bare.push(closed_loop(clients_of(constant.target()).await?, turn).await?);
        read.push(closed_loop(clients_of(target.clone()).await?, turn).await?);
    }
    constant.stop();
    let (bare, read) = (mean(&bare), mean(&read));

    let order_peak = closed_loop(shop.customers(clients).await?, duration).await?;
    let half = order_peak.per_second / 2.0;
    let order_at_half_peak = open_loop(shop.customers(clients).await?, half, duration).await?;
    Ok(HttpReport {
        product_to_bare: read.per_second / bare.per_second,
        bare,
        product: read,
        order_peak,
        order_at_half_peak,
    })
}

async fn connect(
    target: Target,
    clients: usize,
    exchange: Exchange,
) -> Result<Vec<connection::Repeat>, BenchError> {
    let mut connected = Vec::with_capacity(clients);
    for _ in 0..clients {
        connected.push(connection::Repeat::new(
            Connection::open(&target).await?,
            exchange.clone(),
        ));
    }
    Ok(connected)
}

/// Combines several turns into one report; its latencies are those of the worst turn.
fn mean(turns: &[Report]) -> Report {
    let seconds: f64 = turns.iter().map(|turn| turn.seconds).sum();
    let completed: u64 = turns.iter().map(|turn| turn.completed).sum();
    let worst = |of: fn(&Report) -> f64| turns.iter().map(of).fold(0.0, f64::max);
    Report {
        clients: turns.first().map_or(0, |turn| turn.clients),
        seconds,
        completed,
        per_second: completed as f64 / seconds,
        p50_ms: worst(|turn| turn.p50_ms),
        p95_ms: worst(|turn| turn.p95_ms),
        p99_ms: worst(|turn| turn.p99_ms),
    }
}
