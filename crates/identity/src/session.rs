//! Sessions: a chain of refresh tokens that begins with a sign-in. Each token is random, stored as a hash and valid for
//! one use, after which the next one replaces it. If one comes back after its use, somebody has copied it, so the whole
//! session ends (RFC 9700, 4.14.2), including its access tokens.
//!
//! A session ends by itself when it is not used for [`Lifetimes::idle`], and in any case after
//! [`Lifetimes::absolute`].

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use daybook_database::{begin, from_row};
use daybook_domain::UserId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::principal::Means;
use crate::revocation::{REMEMBERED_FOR, Revoked, end_session, revoke_tokens_within};

const BYTES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The longest time from one use of a refresh token to the next.
    pub idle: Duration,
    /// The longest time since the sign-in.
    pub absolute: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes {
            idle: 7 * DAY,
            absolute: 30 * DAY,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the refresh token is unknown, expired or spent")]
    Invalid {
        /// The session that was ended because its token came back after its use.
        ended: Option<(UserId, Uuid)>,
    },
    #[error("what the session rests on was revoked meanwhile")]
    Revoked,
    #[error("no randomness for a refresh token")]
    Random,
    #[error("the sessions cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// A session with its newest refresh token, which `Debug` does not print.
pub struct Session {
    pub user_id: UserId,
    pub id: Uuid,
    /// The generation of the access tokens that may be made now.
    pub generation: i64,
    pub refresh_token: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, {}, [REDACTED])", self.user_id, self.id)
    }
}

impl Session {
    pub fn means(&self) -> Means {
        Means::Session {
            id: self.id,
            generation: self.generation,
        }
    }
}

/// A refresh token as it is stored, without anything that would prove who holds it.
#[derive(Clone, Debug)]
pub struct KeptToken {
    /// Shared by all tokens that follow from one sign-in.
    pub family: Uuid,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When it was exchanged for the next one.
    pub spent_at: Option<DateTime<Utc>>,
}

from_row!(KeptToken {
    family,
    issued_at,
    expires_at,
    spent_at
});

/// The generation of an account's tokens. Read it before checking what a session is to be started on.
pub async fn generation(pool: &PgPool, user_id: UserId) -> Result<i64, sqlx::Error> {
    let known: Option<i64> =
        sqlx::query_scalar("select generation from auth.generations where user_id = $1")
            .bind(user_id.as_uuid())
            .fetch_optional(pool)
            .await?;
    Ok(known.unwrap_or(0))
}

/// Starts a session for somebody who was authenticated while `generation` was the account's. Deletes the user's expired
/// tokens.
pub async fn start(
    pool: &PgPool,
    user_id: UserId,
    generation: i64,
    lifetimes: Lifetimes,
) -> Result<Session, SessionError> {
    let mut transaction = begin(pool).await?;
    // A password change at this moment waits for the lock, and then ends this session too.
    if lock_generation(&mut transaction, user_id).await? != generation {
        return Err(SessionError::Revoked);
    }
    sqlx::query("delete from auth.refresh_tokens where user_id = $1 and expires_at < now()")
        .bind(user_id.as_uuid())
        .execute(&mut *transaction)
        .await?;
    let id = Uuid::now_v7();
    let expires_at = Utc::now() + lifetimes.absolute;
    let refresh_token = insert(&mut transaction, user_id, id, expires_at, lifetimes.idle).await?;
    transaction.commit().await?;
    Ok(Session {
        user_id,
        id,
        generation,
        refresh_token,
    })
}

/// Spends `token` and returns the next one of its session.
pub async fn refresh(
    pool: &PgPool,
    token: &str,
    lifetimes: Lifetimes,
) -> Result<Session, SessionError> {
    let hash = hash(token);
    let mut transaction = begin(pool).await?;
    let generation = match owner(&mut transaction, &hash).await? {
        // Locked before the token, in the same order as ending all sessions does: otherwise they could deadlock.
        Some(user_id) => lock_generation(&mut transaction, user_id).await?,
        None => return Err(SessionError::Invalid { ended: None }),
    };
    // If two come with the same token, the second waits here, and then finds it spent.
    let spent: Option<(Uuid, Uuid, DateTime<Utc>)> = sqlx::query_as(
        "update auth.refresh_tokens set spent_at = now()
         where token_hash = $1 and spent_at is null and expires_at > now()
         returning user_id, family, session_expires_at",
    )
    .bind(&hash)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((user_id, id, expires_at)) = spent else {
        let ended = end_where_spent(&mut transaction, &hash).await?;
        transaction.commit().await?;
        return Err(SessionError::Invalid { ended });
    };
    let user_id = UserId::from(user_id);
    let refresh_token = insert(&mut transaction, user_id, id, expires_at, lifetimes.idle).await?;
    transaction.commit().await?;
    Ok(Session {
        user_id,
        id,
        generation,
        refresh_token,
    })
}

/// Ends the session of a refresh token, spent or not; `None` if there is none.
pub async fn end(pool: &PgPool, token: &str) -> Result<Option<(UserId, Revoked)>, sqlx::Error> {
    let mut transaction = begin(pool).await?;
    let found: Option<(Uuid, Uuid)> =
        sqlx::query_as("select user_id, family from auth.refresh_tokens where token_hash = $1")
            .bind(hash(token))
            .fetch_optional(&mut *transaction)
            .await?;
    let Some((user_id, id)) = found else {
        return Ok(None);
    };
    let revoked = end_one(&mut transaction, id).await?;
    transaction.commit().await?;
    Ok(Some((user_id.into(), revoked)))
}

/// Ends all sessions of an account and revokes its access tokens.
pub async fn end_all(pool: &PgPool, user_id: UserId) -> Result<Revoked, sqlx::Error> {
    let mut transaction = begin(pool).await?;
    let revoked = end_all_within(&mut transaction, user_id).await?;
    transaction.commit().await?;
    Ok(revoked)
}

/// Like [`end_all`], within a transaction.
pub(crate) async fn end_all_within(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<Revoked, sqlx::Error> {
    // First, so that nobody signs in between.
    let revoked = revoke_tokens_within(connection, user_id).await?;
    sqlx::query("delete from auth.refresh_tokens where user_id = $1")
        .bind(user_id.as_uuid())
        .execute(connection)
        .await?;
    Ok(revoked)
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

/// Deletes ended sessions whose access tokens have long expired; returns how many.
pub async fn tidy(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query(
        "delete from auth.ended_sessions where ended_at < clock_timestamp() - make_interval(secs => $1)",
    )
    .bind(REMEMBERED_FOR.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(forgotten.rows_affected())
}

/// The account's generation; nobody else can read it for locking until the transaction ends.
pub(crate) async fn lock_account(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<i64, sqlx::Error> {
    ensure_generation(connection, user_id).await?;
    sqlx::query_scalar("select generation from auth.generations where user_id = $1 for update")
        .bind(user_id.as_uuid())
        .fetch_one(connection)
        .await
}

/// The account's generation, which cannot change until the transaction ends.
async fn lock_generation(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<i64, sqlx::Error> {
    ensure_generation(connection, user_id).await?;
    sqlx::query_scalar("select generation from auth.generations where user_id = $1 for share")
        .bind(user_id.as_uuid())
        .fetch_one(connection)
        .await
}

/// A row that does not exist cannot be locked.
async fn ensure_generation(
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into auth.generations (user_id, generation) values ($1, 0) on conflict do nothing",
    )
    .bind(user_id.as_uuid())
    .execute(connection)
    .await?;
    Ok(())
}

/// The user to whom the refresh token belongs, spent or not.
async fn owner(
    connection: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<UserId>, sqlx::Error> {
    let owner: Option<Uuid> =
        sqlx::query_scalar("select user_id from auth.refresh_tokens where token_hash = $1")
            .bind(token_hash)
            .fetch_optional(connection)
            .await?;
    Ok(owner.map(UserId::from))
}

async fn end_where_spent(
    connection: &mut PgConnection,
    spent: &[u8],
) -> Result<Option<(UserId, Uuid)>, sqlx::Error> {
    let found: Option<(Uuid, Uuid)> = sqlx::query_as(
        "select user_id, family from auth.refresh_tokens where token_hash = $1 and spent_at is not null",
    )
    .bind(spent)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((user_id, id)) = found else {
        return Ok(None);
    };
    end_one(connection, id).await?;
    tracing::warn!(session.id = %id, "a spent refresh token was used again; its session has ended");
    Ok(Some((user_id.into(), id)))
}

async fn end_one(connection: &mut PgConnection, id: Uuid) -> Result<Revoked, sqlx::Error> {
    sqlx::query("delete from auth.refresh_tokens where family = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    end_session(connection, id).await
}

async fn insert(
    connection: &mut PgConnection,
    user_id: UserId,
    session: Uuid,
    session_expires_at: DateTime<Utc>,
    idle: Duration,
) -> Result<String, SessionError> {
    let mut bytes = [0_u8; BYTES];
    rand::fill(&mut bytes).map_err(|_| SessionError::Random)?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    sqlx::query(
        "insert into auth.refresh_tokens (token_hash, family, user_id, expires_at, session_expires_at)
         select $1, $2, $3, least(now() + make_interval(secs => $4), $5), $5
         where not exists (select from log.erasures where person_id = $3)",
    )
    .bind(hash(&token))
    .bind(session)
    .bind(user_id.as_uuid())
    .bind(idle.as_secs_f64())
    .bind(session_expires_at)
    .execute(connection)
    .await?;
    Ok(token)
}

/// A plain hash is enough: the token is 256 random bits, so it cannot be guessed.
fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
