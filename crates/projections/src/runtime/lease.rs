//! Who may write to a read model.
//!
//! A lease expires by the database's clock, so that processes need not agree on the time. Each
//! takeover counts the fencing number up; every commit of a worker checks that its own number is
//! still the current one, so that a worker that stalled past its lease does no harm when it wakes.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

/// The right to write to one read model, until it expires or another worker takes it over.
#[derive(Clone, Debug)]
pub struct Lease {
    name: &'static str,
    holder: String,
    fencing: i64,
    ttl: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("another worker has taken the lease over")]
    Lost,
    #[error("the lease could not be checked")]
    Database(#[from] sqlx::Error),
}

impl Lease {
    /// Takes the lease if it is free, expired, or left over by the same holder; `None` while
    /// another worker has it.
    pub async fn acquire(
        pool: &PgPool,
        name: &'static str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, sqlx::Error> {
        let fencing: Option<i64> = sqlx::query_scalar(
            "insert into projections.leases as l (name, holder, fencing, expires_at)
             values ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
             on conflict (name) do update set
                 holder = excluded.holder,
                 fencing = l.fencing + 1,
                 expires_at = clock_timestamp() + make_interval(secs => $3)
             where l.expires_at <= clock_timestamp() or l.holder = excluded.holder
             returning l.fencing",
        )
        .bind(name)
        .bind(holder)
        .bind(ttl.as_secs_f64())
        .fetch_optional(pool)
        .await?;
        Ok(fencing.map(|fencing| Lease {
            name,
            holder: holder.to_owned(),
            fencing,
            ttl,
        }))
    }

    pub fn fencing(&self) -> i64 {
        self.fencing
    }

    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Puts the expiry off. Succeeds also after the expiry, as long as nobody else took the lease.
    pub async fn renew(&self, pool: &PgPool) -> Result<(), LeaseError> {
        let renewed = sqlx::query(
            "update projections.leases set expires_at = clock_timestamp() + make_interval(secs => $4)
             where name = $1 and holder = $2 and fencing = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.fencing)
        .bind(self.ttl.as_secs_f64())
        .execute(pool)
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
    pub async fn release(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update projections.leases set expires_at = clock_timestamp()
             where name = $1 and holder = $2 and fencing = $3",
        )
        .bind(self.name)
        .bind(&self.holder)
        .bind(self.fencing)
        .execute(pool)
        .await?;
        Ok(())
    }
}
