//! Who may write to a read model.
//!
//! A lease expires by the database's clock, so that processes need not agree on the time. Its holder
//! keeps a connection open for it: when the holder is killed, the database ends that session, and the
//! next one need not wait for the expiry. Each takeover counts the fencing number up; every commit of
//! a worker checks that its own number is still the current one, so that a worker that stalled, or
//! only lost its connection, does no harm when it wakes.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;

/// The right to write to one read model, until it expires or another worker takes it over.
#[derive(Clone, Debug)]
pub struct Lease {
    name: &'static str,
    holder: String,
    fencing: i64,
    ttl: Duration,
    /// The connection whose end is the lease's.
    session: Arc<Mutex<PgConnection>>,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("another worker has taken the lease over")]
    Lost,
    #[error("the lease could not be checked")]
    Database(#[from] sqlx::Error),
}

impl Lease {
    /// Takes the lease if it is free, expired, or left over by the same holder or by one whose
    /// session has ended; `None` while another worker has it. A lease takes a connection of its own
    /// out of the pool.
    pub async fn acquire(
        pool: &PgPool,
        name: &'static str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, sqlx::Error> {
        let mut session = pool.acquire().await?;
        let fencing: Option<i64> = sqlx::query_scalar(
            "insert into projections.leases as l
                 (name, holder, fencing, expires_at, session_pid, session_started)
             select $1, $2, 1, clock_timestamp() + make_interval(secs => $3), own.pid, own.backend_start
             from pg_stat_activity own where own.pid = pg_backend_pid()
             on conflict (name) do update set
                 holder = excluded.holder,
                 fencing = l.fencing + 1,
                 expires_at = excluded.expires_at,
                 session_pid = excluded.session_pid,
                 session_started = excluded.session_started
             where l.expires_at <= clock_timestamp()
                 or l.holder = excluded.holder
                 -- Another role's sessions show their number, but not their start.
                 or not exists (
                     select from pg_stat_activity held
                     where held.pid = l.session_pid
                         and coalesce(held.backend_start = l.session_started, true))
             returning l.fencing",
        )
        .bind(name)
        .bind(holder)
        .bind(ttl.as_secs_f64())
        .fetch_optional(&mut *session)
        .await?;
        Ok(fencing.map(|fencing| Lease {
            name,
            holder: holder.to_owned(),
            fencing,
            ttl,
            session: Arc::new(Mutex::new(session.detach())),
        }))
    }

    pub fn fencing(&self) -> i64 {
        self.fencing
    }

    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Puts the expiry off. Succeeds also after the expiry, as long as nobody else took the lease.
    pub async fn renew(&self) -> Result<(), LeaseError> {
        let mut session = self.session.lock().await;
        let renewed = sqlx::query(
            "update projections.leases set expires_at = clock_timestamp() + make_interval(secs => $4)
             where name = $1 and holder = $2 and fencing = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.fencing)
        .bind(self.ttl.as_secs_f64())
        .execute(&mut *session)
        .await?;
        if renewed.rows_affected() == 1 {
            Ok(())
        } else {
            Err(LeaseError::Lost)
        }
    }

    /// Demands, at the end of a transaction, that the lease is still held, and keeps it from being
    /// taken over until that transaction ends.
    pub async fn check(&self, conn: &mut PgConnection) -> Result<(), LeaseError> {
        let held: Option<i32> = sqlx::query_scalar(
            "select 1 from projections.leases where name = $1 and holder = $2 and fencing = $3 for share",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.fencing)
        .fetch_optional(conn)
        .await?;
        if held.is_some() {
            Ok(())
        } else {
            Err(LeaseError::Lost)
        }
    }

    /// Lets go, so that another worker need not wait for the expiry. The row stays: its fencing
    /// number must never be given out twice.
    pub async fn release(&self) -> Result<(), sqlx::Error> {
        let mut session = self.session.lock().await;
        sqlx::query(
            "update projections.leases set expires_at = clock_timestamp()
             where name = $1 and holder = $2 and fencing = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.fencing)
        .execute(&mut *session)
        .await?;
        Ok(())
    }
}
