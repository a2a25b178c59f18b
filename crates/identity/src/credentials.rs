//! Password hashes, by user. They are stored before the user is appended to the log and removed again if the append is
//! refused, so that no acknowledged user lacks a password.

use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use sqlx::{PgExecutor, PgPool};

pub async fn store(
    executor: impl PgExecutor<'_>,
    user_id: UserId,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into auth.credentials (user_id, password_hash) values ($1, $2)
         on conflict (user_id) do update set password_hash = excluded.password_hash, updated_at = now()",
    )
    .bind(user_id.as_uuid())
    .bind(password_hash)
    .execute(executor)
    .await?;
    Ok(())
}

pub async fn remove(pool: &PgPool, user_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query("delete from auth.credentials where user_id = $1")
        .bind(user_id.as_uuid())
        .execute(pool)
        .await?;
    Ok(())
}

pub async fn find(pool: &PgPool, user_id: UserId) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select password_hash from auth.credentials where user_id = $1")
        .bind(user_id.as_uuid())
        .fetch_optional(pool)
        .await
}

/// When the password was last set; `None` if there is none.
pub async fn set_at(pool: &PgPool, user_id: UserId) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select updated_at from auth.credentials where user_id = $1")
        .bind(user_id.as_uuid())
        .fetch_optional(pool)
        .await
}
