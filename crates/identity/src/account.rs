//! Changes that invalidate at once everything that proves who somebody is. Each is one transaction: from its commit on,
//! no earlier proof is valid.
//!
//! Rows are locked in the order generation, one-time tokens, credentials, refresh tokens.

use daybook_domain::UserId;
use sqlx::{PgConnection, PgPool};

use crate::credentials;
use crate::one_time::{Purpose, spend_within, void_within};
use crate::revocation::Revoked;
use crate::session::{end_all_within, lock_account};

/// Sets a new password for somebody whose present one was found right while `generation` was the account's. `None`:
/// something has changed since then.
pub async fn change_password(
    pool: &PgPool,
    user_id: UserId,
    generation: i64,
    new_hash: &str,
) -> Result<Option<Revoked>, sqlx::Error> {
    let mut transaction = daybook_database::begin(pool).await?;
    if lock_account(&mut transaction, user_id).await? != generation {
        return Ok(None);
    }
    let revoked = set_password(&mut transaction, user_id, new_hash).await?;
    transaction.commit().await?;
    Ok(Some(revoked))
}

/// Sets a new password for whoever brings the token that was sent to them. `None`: the token is not valid.
pub async fn reset_password(
    pool: &PgPool,
    token: &str,
    user_id: UserId,
    new_hash: &str,
) -> Result<Option<Revoked>, sqlx::Error> {
    let mut transaction = daybook_database::begin(pool).await?;
    lock_account(&mut transaction, user_id).await?;
    if !spend_within(&mut transaction, Purpose::PasswordReset, token).await? {
        return Ok(None);
    }
    let revoked = set_password(&mut transaction, user_id, new_hash).await?;
    transaction.commit().await?;
    Ok(Some(revoked))
}

/// Invalidates everything with which somebody could go on acting with an account; the password stays.
pub async fn shut_out(pool: &PgPool, user_id: UserId) -> Result<Revoked, sqlx::Error> {
    let mut transaction = daybook_database::begin(pool).await?;
    lock_account(&mut transaction, user_id).await?;
    let purposes = [Purpose::PasswordReset, Purpose::EmailVerification];
    void_within(&mut transaction, user_id, &purposes).await?;
    let revoked = end_all_within(&mut transaction, user_id).await?;
    transaction.commit().await?;
    Ok(revoked)
}

/// Every new password of an existing account is set here.
async fn set_password(
    connection: &mut PgConnection,
    user_id: UserId,
    new_hash: &str,
) -> Result<Revoked, sqlx::Error> {
    void_within(connection, user_id, &[Purpose::PasswordReset]).await?;
    credentials::store(&mut *connection, user_id, new_hash).await?;
    end_all_within(connection, user_id).await
}
