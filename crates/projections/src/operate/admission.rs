//! Whether a build may begin.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::{
    projection::Projection,
    rebuild::{BuildError, Purpose},
};

/// Refuses what a builder would refuse as soon as it began: for those who are answered before it has begun. A builder
/// decides again, under its lock, since another one may have begun meanwhile.
pub async fn may_begin(
    pool: &PgPool,
    projection: &dyn Projection,
    purpose: Purpose,
) -> Result<(), BuildError> {
    let name = projection.name();
    if purpose == Purpose::Rollback && !has_previous(pool, name).await? {
        return Err(BuildError::NoPrevious);
    }
    if purpose.switches() && is_paused(pool, name).await? {
        return Err(BuildError::Paused { name });
    }
    match running_build(pool, name).await? {
        Some((purpose, builder, since)) => Err(BuildError::BeingBuilt {
            name,
            purpose,
            builder,
            since,
        }),
        None => Ok(()),
    }
}

async fn has_previous(pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from projections.previous where name = $1)")
        .bind(name)
        .fetch_one(pool)
        .await
}

async fn is_paused(pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from projections.checkpoints where name = $1 and state = 'paused')",
    )
    .bind(name)
    .fetch_one(pool)
    .await
}

/// What a build is for, who builds, and since when.
async fn running_build(
    pool: &PgPool,
    name: &str,
) -> Result<Option<(String, String, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query_as(
        "select b.purpose, b.builder, b.started_at from projections.builds b
         -- A builder that died left its row behind. Another role's sessions don't show their start.
         join pg_stat_activity a on a.pid = b.session_pid and coalesce(a.backend_start = b.session_started, true)
         where b.name = $1 and b.purpose <> 'as-of' order by b.started_at desc limit 1",
    )
    .bind(name)
    .fetch_optional(pool)
    .await
}
