//! Who of several processes does a task.
//!
//! A lease expires by the database's clock, so that processes need not agree on the time. Its holder
//! keeps a connection open for it: when the holder is killed, the database ends that session, and the
//! next one need not wait for the expiry. Each takeover counts the fencing number up; whatever the
//! holder commits must check, in the same transaction, that its own number is still the current one,
//! so that a holder that stalled, or only lost its connection, does no harm when it wakes.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::{PgConnection, PgPool, query, query_scalar};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// A table whose rows are leases. Beside its key it has the columns `holder`, `fencing`, `expires_at`,
/// `session_pid` and `session_started`.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTable {
    /// With its schema.
    pub table: &'static str,
    pub key_column: &'static str,
    /// The key's type in SQL, which the text of a key is read as.
    pub key_type: &'static str,
}

/// The right to a work, until it expires or another holder takes it over.
#[derive(Debug)]
pub struct Lease {
    table: LeaseTable,
    key: String,
    holder: String,
    fencing: i64,
    ttl: Duration,
    /// The connection whose end is the lease's.
    session: Mutex<PgConnection>,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("another worker has taken the lease over")]
    Lost,
    #[error("the lease could not be renewed in time")]
    TimedOut,
    #[error("the lease could not be checked")]
    Database(#[from] sqlx::Error),
}

impl LeaseTable {
    /// Takes the lease if it is free, expired, or left over by the same holder or by one whose
    /// session has ended; `None` while another holder has it. A lease takes a connection of its own
    /// out of the pool.
    pub async fn acquire(
        &self,
        pool: &PgPool,
        key: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, sqlx::Error> {
        let LeaseTable {
            table,
            key_column,
            key_type,
        } = self;
        let statement = format!(
            "insert into {table} as l
                 ({key_column}, holder, fencing, expires_at, session_pid, session_started)
             select $1::text::{key_type}, $2, 1, clock_timestamp() + make_interval(secs => $3),
                 own.pid, own.backend_start
             from pg_stat_activity own where own.pid = pg_backend_pid()
             on conflict ({key_column}) do update set
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
             returning l.fencing"
        );
        let mut session = pool.acquire().await?;
        let fencing: Option<i64> = query_scalar(&statement)
            .bind(key)
            .bind(holder)
            .bind(ttl.as_secs_f64())
            .fetch_optional(&mut *session)
            .await?;
        Ok(fencing.map(|fencing| Lease {
            table: *self,
            key: key.to_owned(),
            holder: holder.to_owned(),
            fencing,
            ttl,
            session: Mutex::new(session.detach()),
        }))
    }
}

impl Lease {
    /// The number that a transaction of the holder's must check.
    pub fn fencing(&self) -> i64 {
        self.fencing
    }

    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Puts the expiry off again and again; ends when that fails.
    pub async fn keep(&self) -> Result<Infallible, LeaseError> {
        loop {
            sleep(self.ttl / 3).await;
            match timeout(self.ttl, self.renew()).await {
                Ok(renewed) => renewed?,
                Err(_elapsed) => return Err(LeaseError::TimedOut),
            }
        }
    }

    /// Puts the expiry off. Succeeds also after the expiry, as long as nobody else took the lease.
    pub async fn renew(&self) -> Result<(), LeaseError> {
        match self.expire_in(self.ttl).await? {
            true => Ok(()),
            false => Err(LeaseError::Lost),
        }
    }

    /// Lets go, so that another holder need not wait for the expiry. The row stays: its fencing
    /// number must never be given out twice.
    pub async fn release(&self) -> Result<(), sqlx::Error> {
        self.expire_in(Duration::ZERO).await?;
        Ok(())
    }

    /// Demands, at the end of a transaction, that the lease is still held, and keeps it from being
    /// taken over until that transaction ends.
    pub async fn check(&self, conn: &mut PgConnection) -> Result<(), LeaseError> {
        let statement = format!(
            "select 1 from {} where {} for share",
            self.table.table,
            self.table.is_own()
        );
        let held: Option<i32> = query_scalar(&statement)
            .bind(&self.key)
            .bind(&self.holder)
            .bind(self.fencing)
            .fetch_optional(conn)
            .await?;
        match held {
            Some(_) => Ok(()),
            None => Err(LeaseError::Lost),
        }
    }

    /// Whether the lease was still held.
    async fn expire_in(&self, ttl: Duration) -> Result<bool, sqlx::Error> {
        let statement = format!(
            "update {} set expires_at = clock_timestamp() + make_interval(secs => $4) where {}",
            self.table.table,
            self.table.is_own()
        );
        let mut session = self.session.lock().await;
        let renewed = query(&statement)
            .bind(&self.key)
            .bind(&self.holder)
            .bind(self.fencing)
            .bind(ttl.as_secs_f64())
            .execute(&mut *session)
            .await?;
        Ok(renewed.rows_affected() == 1)
    }
}

impl LeaseTable {
    /// The condition that a row is a holder's: its key, the holder and the fencing number.
    fn is_own(&self) -> String {
        let LeaseTable {
            key_column,
            key_type,
            ..
        } = self;
        format!("{key_column} = $1::text::{key_type} and holder = $2 and fencing = $3")
    }
}
