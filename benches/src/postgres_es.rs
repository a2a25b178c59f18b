//! Stock cqrs-es with postgres-es: its framework, its repository, its table, no queries.

use std::time::Duration;

use anyhow::Result;
use cqrs_es::CqrsFramework;
use cqrs_es::persist::PersistedEventStore;
use daybook_api::bench::{BenchError, Client, closed_loop};
use daybook_domain::stock::{Stock, StockCommand};
use postgres_es::{PostgresEventRepository, postgres_cqrs};
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;
use uuid::Uuid;

/// More connections than this made it slower on every machine tried.
const MOST_CONNECTIONS: usize = 64;

/// As its documentation has it.
const TABLES: &str = "
    create table events (
        aggregate_type text not null,
        aggregate_id text not null,
        sequence bigint check (sequence >= 0) not null,
        event_type text not null,
        event_version text not null,
        payload json not null,
        metadata json not null,
        primary key (aggregate_type, aggregate_id, sequence)
    )";

type Framework = CqrsFramework<Stock, PersistedEventStore<PostgresEventRepository, Stock>>;

struct Receiver(Arc<Framework>);

impl Client for Receiver {
    async fn send(&mut self) -> Result<(), BenchError> {
        let command = StockCommand::Receive {
            quantity: 1,
            reason: None,
        };
        let executed = self.0.execute(&Uuid::now_v7().to_string(), command).await;
        executed.map_err(|error| BenchError(error.to_string()))
    }
}

/// One event on one new stream for each command.
pub(crate) async fn rate(url: &str, clients: usize, duration: Duration) -> Result<f64> {
    let connections = u32::try_from(clients.min(MOST_CONNECTIONS))?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .connect(url)
        .await?;
    pool.execute(TABLES).await?;
    let framework = Arc::new(postgres_cqrs::<Stock>(pool.clone(), Vec::new(), ()));
    let receivers = (0..clients)
        .map(|_| Receiver(Arc::clone(&framework)))
        .collect();
    let report = closed_loop(receivers, duration).await?;
    pool.close().await;
    Ok(report.per_second)
}
