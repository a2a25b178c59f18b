//! Who seals.
//!
//! A lease expires by the database's clock. Its holder keeps a connection open for it: when the holder is
//! killed, the database ends that session, and the next one need not wait for the expiry. Each takeover
//! counts the fencing number up, and `audit.seal` checks it, so that a sealer that stalled does no harm
//! when it wakes.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool, query, query_scalar};
use tokio::time::{sleep, timeout};

use super::SealError;

/// The right to seal, until it expires or another process takes it over.
pub(super) struct Lease {
    fencing: i64,
    ttl: Duration,
    /// The connection whose end is the lease's.
    session: PgConnection,
}

impl Lease {
    /// Takes the lease if it is free, expired, or left over by a holder whose session has ended; `None`
    /// while another process has it. A lease takes a connection of its own out of the pool.
    pub(super) async fn acquire(
        pool: &PgPool,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, sqlx::Error> {
        let mut session = pool.acquire().await?;
        let fencing: Option<i64> = query_scalar(
            "insert into audit.sealer as s (holder, fencing, expires_at, session_pid, session_started)
             select $1, 1, clock_timestamp() + make_interval(secs => $2), own.pid, own.backend_start
             from pg_stat_activity own where own.pid = pg_backend_pid()
             on conflict (only_row) do update set
                 holder = excluded.holder,
                 fencing = s.fencing + 1,
                 expires_at = excluded.expires_at,
                 session_pid = excluded.session_pid,
                 session_started = excluded.session_started
             where s.expires_at <= clock_timestamp()
                 -- Another role's sessions show their number, but not their start.
                 or not exists (
                     select from pg_stat_activity held
                     where held.pid = s.session_pid
                         and coalesce(held.backend_start = s.session_started, true))
             returning s.fencing",
        )
        .bind(holder)
        .bind(ttl.as_secs_f64())
        .fetch_optional(&mut *session)
        .await?;
        Ok(fencing.map(|fencing| Lease {
            fencing,
            ttl,
            session: session.detach(),
        }))
    }

    /// The number that `audit.seal` checks.
    pub(super) fn fencing(&self) -> i64 {
        self.fencing
    }

    /// Puts the expiry off again and again; ends when that fails.
    pub(super) async fn keep(&mut self) -> Result<Infallible, SealError> {
        loop {
            sleep(self.ttl / 3).await;
            match timeout(self.ttl, self.renew()).await {
                Ok(renewed) => renewed?,
                Err(_elapsed) => return Err(SealError::LeaseLost),
            }
        }
    }

    /// Succeeds also after the expiry, as long as nobody else took the lease.
    async fn renew(&mut self) -> Result<(), SealError> {
        let renewed = query(
            "update audit.sealer set expires_at = clock_timestamp() + make_interval(secs => $2)
             where fencing = $1",
        )
        .bind(self.fencing)
        .bind(self.ttl.as_secs_f64())
        .execute(&mut self.session)
        .await?;
        match renewed.rows_affected() {
            1 => Ok(()),
            _ => Err(SealError::LeaseLost),
        }
    }

    /// Lets go, so that another process need not wait for the expiry. The row stays: its fencing number must
    /// never be given out twice.
    pub(super) async fn release(mut self) {
        let released = async {
            query("update audit.sealer set expires_at = clock_timestamp() where fencing = $1")
                .bind(self.fencing)
                .execute(&mut self.session)
                .await?;
            self.session.close().await
        };
        // Where this fails, the end of the session says the same.
        let _ = timeout(self.ttl, released).await;
    }
}
