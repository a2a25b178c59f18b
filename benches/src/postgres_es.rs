//! Stock cqrs-es with postgres-es: its own tables, its own store, no queries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cqrs_es::CqrsFramework;
use cqrs_es::persist::PersistedEventStore;
use daybook_domain::stock::Stock;
use postgres_es::{PostgresCqrs, PostgresEventRepository};
use sqlx::Executor;
use sqlx::postgres::{PgPool, PgPoolOptions};
use uuid::Uuid;

use crate::load::closed_loop;
use crate::postgres::Postgres;
use crate::row;

/// The tables of postgres-es 0.5, from its `db/init.sql`.
const TABLES: &str = "
create table events (
    aggregate_type text                         not null,
    aggregate_id   text                         not null,
    sequence       bigint check (sequence >= 0) not null,
    event_type     text                         not null,
    event_version  text                         not null,
    payload        json                         not null,
    metadata       json                         not null,
    primary key (aggregate_type, aggregate_id, sequence)
);
create table snapshots (
    aggregate_type   text                                 not null,
    aggregate_id     text                                 not null,
    last_sequence    bigint check (last_sequence >= 0)    not null,
    current_snapshot bigint check (current_snapshot >= 0) not null,
    payload          json                                 not null,
    primary key (aggregate_type, aggregate_id, last_sequence)
);";

/// The size of the pool: a connection for each client, up to the number that a PostgreSQL usually has.
pub(crate) fn connections(clients: usize) -> u32 {
    u32::try_from(clients).unwrap_or(u32::MAX).min(64)
}

/// Commands a second, each of which appends one event to one new stream.
pub(crate) async fn appends(
    postgres: &Postgres,
    clients: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    postgres.fresh_database().await?;
    // The pool's other options are those that postgres-es itself uses.
    let pool = PgPoolOptions::new()
        .max_connections(connections(clients))
        .min_connections(connections(clients))
        .connect(&postgres.owner_url())
        .await?;
    pool.execute(TABLES).await?;
    let framework = Arc::new(framework(pool.clone()));
    let measured = closed_loop(clients, duration, move || append(Arc::clone(&framework))).await;
    pool.close().await;
    measured
}

fn framework(pool: PgPool) -> PostgresCqrs<Stock> {
    let store = PersistedEventStore::new_event_store(PostgresEventRepository::new(pool));
    CqrsFramework::new(store, Vec::new(), ())
}

async fn append(framework: Arc<PostgresCqrs<Stock>>) -> anyhow::Result<bool> {
    let metadata = HashMap::from([
        ("actor".to_owned(), "system:bench".to_owned()),
        ("correlationId".to_owned(), Uuid::now_v7().to_string()),
    ]);
    framework
        .execute_with_metadata(&Uuid::now_v7().to_string(), row::command(), metadata)
        .await
        .context("postgres-es did not append")?;
    Ok(true)
}
