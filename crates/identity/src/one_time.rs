//! One-time tokens: sent to an e-mail address, and brought back by somebody who reads what is sent there. Each is 256
//! random bits, stored as a hash, valid for one use, for half an hour, for one account, one purpose and the address
//! that it was sent to. A new one replaces earlier ones of the same purpose.

use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_domain::{Email, UserId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::session::lock_account;

const BYTES: usize = 32;

const VALID_FOR: Duration = Duration::from_secs(30 * 60);
/// The limit for one account and purpose within [`COUNTED`], so that nobody can flood somebody else's mailbox.
const ISSUED_AT_MOST: i64 = 5;
const COUNTED: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    PasswordReset,
    EmailVerification,
}

/// A token before it is issued. Has no `Debug`, since it is a secret.
pub struct OneTimeToken(String);

/// What a valid token was issued for.
pub struct Issued {
    pub user_id: UserId,
    sent_to: Vec<u8>,
    token: String,
}

#[derive(Debug, thiserror::Error)]
#[error("no randomness for a one-time token")]
pub struct NoRandomness;

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Purpose::PasswordReset => "password-reset",
            Purpose::EmailVerification => "email-verification",
        }
    }
}

impl OneTimeToken {
    pub fn generate() -> Result<OneTimeToken, NoRandomness> {
        let mut bytes = [0_u8; BYTES];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(OneTimeToken(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Only for the message that brings it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Issued {
    /// Whether it was sent to this address.
    pub fn was_sent_to(&self, email: &Email) -> bool {
        self.sent_to == sent_to(&self.token, email)
    }
}

/// Makes a token valid, and invalidates earlier ones of the same purpose. Returns whether it did. It does not if many
/// were issued lately for the account and one of them may still be valid, so that nobody who requests many in another's
/// name leaves them without; nor if the person has been erased. To be called within the transaction that also writes
/// the message.
pub async fn issue(
    connection: &mut PgConnection,
    token: &OneTimeToken,
    user_id: UserId,
    purpose: Purpose,
    email: &Email,
) -> Result<bool, sqlx::Error> {
    // One after another: several at once would each find that only few were issued.
    lock_account(connection, user_id).await?;
    sqlx::query(
        "delete from auth.one_time_tokens
         where user_id = $1 and issued_at <= clock_timestamp() - make_interval(secs => $2)",
    )
    .bind(user_id.as_uuid())
    .bind(COUNTED.as_secs_f64())
    .execute(&mut *connection)
    .await?;
    let issued = sqlx::query(
        "insert into auth.one_time_tokens (token_hash, user_id, purpose, sent_to, expires_at)
         select $1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)
         where not exists (select from log.erasures where person_id = $2)
             and ($6 > (select count(*) from auth.one_time_tokens where user_id = $2 and purpose = $3)
                 or not exists (select from auth.one_time_tokens where user_id = $2 and purpose = $3
                     and expires_at > clock_timestamp()))",
    )
    .bind(hash(&token.0))
    .bind(user_id.as_uuid())
    .bind(purpose.as_str())
    .bind(sent_to(&token.0, email))
    .bind(VALID_FOR.as_secs_f64())
    .bind(ISSUED_AT_MOST)
    .execute(&mut *connection)
    .await?;
    if issued.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "update auth.one_time_tokens set void = true
         where user_id = $1 and purpose = $2 and token_hash <> $3 and not void",
    )
    .bind(user_id.as_uuid())
    .bind(purpose.as_str())
    .bind(hash(&token.0))
    .execute(connection)
    .await?;
    Ok(true)
}

/// What a token was issued for, if it is valid. It stays valid until it is spent.
pub async fn find(
    pool: &PgPool,
    purpose: Purpose,
    token: &str,
) -> Result<Option<Issued>, sqlx::Error> {
    let found: Option<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select user_id, sent_to from auth.one_time_tokens
         where token_hash = $1 and purpose = $2 and not void and expires_at > clock_timestamp()",
    )
    .bind(hash(token))
    .bind(purpose.as_str())
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(user_id, sent_to)| Issued {
        user_id: user_id.into(),
        sent_to,
        token: token.to_owned(),
    }))
}

/// Uses a token up. Returns whether it was still valid: if several callers bring it, one of them gets `true`.
pub async fn spend(pool: &PgPool, purpose: Purpose, token: &str) -> Result<bool, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    spend_within(&mut connection, purpose, token).await
}

pub(crate) async fn spend_within(
    connection: &mut PgConnection,
    purpose: Purpose,
    token: &str,
) -> Result<bool, sqlx::Error> {
    let spent = sqlx::query(
        "update auth.one_time_tokens set void = true
         where token_hash = $1 and purpose = $2 and not void and expires_at > clock_timestamp()",
    )
    .bind(hash(token))
    .bind(purpose.as_str())
    .execute(connection)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Invalidates an account's tokens of these purposes.
pub(crate) async fn void_within(
    connection: &mut PgConnection,
    user_id: UserId,
    purposes: &[Purpose],
) -> Result<(), sqlx::Error> {
    let purposes: Vec<&str> = purposes.iter().map(|purpose| purpose.as_str()).collect();
    sqlx::query(
        "update auth.one_time_tokens set void = true
         where user_id = $1 and purpose = any($2) and not void",
    )
    .bind(user_id.as_uuid())
    .bind(purposes)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes tokens that are neither valid nor needed for counting; returns how many.
pub async fn tidy(pool: &PgPool) -> Result<u64, sqlx::Error> {
    // A row that is locked is being removed already.
    let forgotten = sqlx::query(
        "delete from auth.one_time_tokens where token_hash in (
             select token_hash from auth.one_time_tokens
             where issued_at <= clock_timestamp() - make_interval(secs => $1)
             for update skip locked)",
    )
    .bind(COUNTED.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(forgotten.rows_affected())
}

/// A plain hash is enough: the token is 256 random bits, so it cannot be guessed.
fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// The hash reveals the address only to somebody who has the token.
fn sent_to(token: &str, email: &Email) -> Vec<u8> {
    let mut context = digest::Context::new(&SHA256);
    context.update(token.as_bytes());
    context.update(b"\n");
    context.update(email.canonical().as_bytes());
    context.finish().as_ref().to_vec()
}
