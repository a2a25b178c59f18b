//! Beginning a transaction on a pool's connection.
//!
//! Whoever waits for a transaction may give up at any moment: a request times out or its client goes
//! away, a projector loses its lease. sqlx's own `Pool::begin` then gives a connection back to the pool
//! whose session is in a transaction that nobody knows of (sqlx 0.8.4 to 0.9.0, transact-rs/sqlx#4393):
//! what the next borrower writes is never committed, and what it locks stays locked for as long as the
//! connection rests. `clippy.toml` therefore forbids it.

use std::panic::resume_unwind;

use sqlx::{PgPool, Postgres, Transaction};

/// Begins a transaction, which is rolled back when it is dropped. A future that is dropped before it
/// has answered leaves nothing behind either.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let connection = pool.acquire().await?;
    // A task goes on when nobody waits for it any longer, and drops the transaction that it has begun.
    let begun = tokio::spawn(Transaction::begin(connection, None)).await;
    begun.unwrap_or_else(|ended| match ended.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The runtime is shutting down.
        Err(_) => Err(sqlx::Error::WorkerCrashed),
    })
}
