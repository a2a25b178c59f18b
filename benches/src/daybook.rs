//! Daybook's command path: load or cache, decide, append.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use daybook_api::bench::append::{self, Spread};
use daybook_commands::{BusTasks, CommandBus};
use daybook_log::{Codec, Secrets};
use sqlx::PgPool;

pub(crate) struct Shop {
    bus: CommandBus,
    tasks: BusTasks,
    pool: PgPool,
}

pub(crate) async fn open(url: &str) -> Result<Shop> {
    let pool = PgPool::connect(url).await?;
    let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[0; 32])));
    let (bus, tasks) = CommandBus::start(pool.clone(), codec);
    Ok(Shop { bus, tasks, pool })
}

/// One event on one new stream for each command.
pub(crate) async fn rate(
    shop: &Shop,
    clients: usize,
    duration: Duration,
    keyed: bool,
) -> Result<f64> {
    Ok(append::run(&shop.bus, clients, duration, keyed)
        .await?
        .per_second)
}

/// Single-unit orders over so many products.
pub(crate) async fn orders(
    shop: &Shop,
    clients: usize,
    duration: Duration,
    products: usize,
) -> Result<f64> {
    let spread = if products == 1 {
        Spread::OneProduct
    } else {
        Spread::Products(products)
    };
    Ok(
        append::run_orders(&shop.bus, clients, duration, false, spread)
            .await?
            .per_second,
    )
}

impl Shop {
    pub(crate) async fn close(self) {
        self.tasks.close(Duration::from_secs(10)).await;
        self.pool.close().await;
    }
}
