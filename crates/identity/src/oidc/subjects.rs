//! Which account belongs to which of a provider's subjects.

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::UserId;
use sqlx::PgPool;
use uuid::Uuid;

use super::Subject;

/// An account's subject at a provider.
#[derive(Clone, Debug)]
pub struct Linked {
    pub issuer: String,
    pub subject: String,
    pub linked_at: DateTime<Utc>,
}

from_row!(Linked {
    issuer,
    subject,
    linked_at
});

/// The user to whom this subject belongs, if they have signed in before.
pub async fn linked(pool: &PgPool, subject: &Subject) -> Result<Option<UserId>, sqlx::Error> {
    let user: Option<Uuid> = sqlx::query_scalar(
        "select user_id from auth.oidc_subjects where issuer = $1 and subject = $2",
    )
    .bind(&subject.issuer)
    .bind(&subject.subject)
    .fetch_optional(pool)
    .await?;
    Ok(user.map(UserId::from))
}

/// Links a subject to a user. It stays linked to the user to whom it was linked first.
pub async fn link(pool: &PgPool, subject: &Subject, user_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into auth.oidc_subjects (issuer, subject, user_id) select $1, $2, $3
         where not exists (select from log.erasures where person_id = $3)
         on conflict do nothing",
    )
    .bind(&subject.issuer)
    .bind(&subject.subject)
    .bind(user_id.as_uuid())
    .execute(pool)
    .await?;
    Ok(())
}

/// The subjects that belong to a user, the oldest first.
pub async fn of_user(pool: &PgPool, user_id: UserId) -> Result<Vec<Linked>, sqlx::Error> {
    sqlx::query_as(
        "select issuer, subject, linked_at from auth.oidc_subjects where user_id = $1 order by linked_at",
    )
    .bind(user_id.as_uuid())
    .fetch_all(pool)
    .await
}
