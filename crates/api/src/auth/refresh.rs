//! Refresh tokens: random, stored as a hash, good for one use, after which another of the same family takes
//! their place. One that comes back after its use was copied by someone, so the whole family ends
//! (RFC 9700, 4.14.2).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

const BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    #[error("the refresh token is unknown, expired or spent")]
    Invalid,
    #[error("no randomness for a refresh token")]
    Random,
    #[error("the refresh tokens cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// The first token of a new family: someone signed in. Forgets the user's expired ones.
pub async fn issue(pool: &PgPool, user_id: UserId, ttl: Duration) -> Result<String, RefreshError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("delete from auth.refresh_tokens where user_id = $1 and expires_at < now()")
        .bind(user_id.as_uuid())
        .execute(&mut *transaction)
        .await?;
    let token = insert(&mut transaction, user_id, Uuid::now_v7(), ttl).await?;
    transaction.commit().await?;
    Ok(token)
}

/// A refresh token as it is kept, without what would prove anything.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeptToken {
    /// Shared by all that follow from one sign-in.
    pub family: Uuid,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When it was exchanged for the next one.
    pub spent_at: Option<DateTime<Utc>>,
}

/// A user's tokens, the oldest first.
pub async fn of_user(pool: &PgPool, user_id: UserId) -> Result<Vec<KeptToken>, sqlx::Error> {
    sqlx::query_as(
        "select family, issued_at, expires_at, spent_at from auth.refresh_tokens
         where user_id = $1 order by issued_at, family",
    )
    .bind(user_id.as_uuid())
    .fetch_all(pool)
    .await
}

/// Spends `token` and gives out the next one of its family.
pub async fn rotate(
    pool: &PgPool,
    token: &str,
    ttl: Duration,
) -> Result<(UserId, String), RefreshError> {
    let hash = hash(token);
    let mut transaction = pool.begin().await?;
    // Of two that come with the same token the second waits here, and then finds it spent.
    let spent: Option<(Uuid, Uuid)> = sqlx::query_as(
        "update auth.refresh_tokens set spent_at = now()
         where token_hash = $1 and spent_at is null and expires_at > now()
         returning user_id, family",
    )
    .bind(&hash)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((user_id, family)) = spent else {
        end_family_of(&mut transaction, &hash).await?;
        transaction.commit().await?;
        return Err(RefreshError::Invalid);
    };
    let next = insert(&mut transaction, user_id.into(), family, ttl).await?;
    transaction.commit().await?;
    Ok((user_id.into(), next))
}

async fn end_family_of(connection: &mut PgConnection, spent: &[u8]) -> Result<(), sqlx::Error> {
    let ended = sqlx::query(
        "delete from auth.refresh_tokens where family in
         (select family from auth.refresh_tokens where token_hash = $1 and spent_at is not null)",
    )
    .bind(spent)
    .execute(connection)
    .await?;
    if ended.rows_affected() > 0 {
        tracing::warn!("a spent refresh token was used again; its family has ended");
    }
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    user_id: UserId,
    family: Uuid,
    ttl: Duration,
) -> Result<String, RefreshError> {
    let mut bytes = [0_u8; BYTES];
    rand::fill(&mut bytes).map_err(|_| RefreshError::Random)?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    sqlx::query(
        "insert into auth.refresh_tokens (token_hash, family, user_id, expires_at)
         select $1, $2, $3, now() + make_interval(secs => $4)
         where not exists (select from log.erasures where person_id = $3)",
    )
    .bind(hash(&token))
    .bind(family)
    .bind(user_id.as_uuid())
    .bind(ttl.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(token)
}

/// A plain hash is enough: the token is 256 random bits, there is nothing to guess.
fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
