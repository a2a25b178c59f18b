//! Stored API keys. Only a hash of the secret is stored, and nothing here returns it.

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, QueryBuilder, Row};
use uuid::Uuid;

use super::text;
use crate::revocation::{Revoked, announce};

const COLUMNS: &str = "id, name, roles, user_id, created_at, expires_at, revoked_at, last_used_at";

/// A key without anything that would prove who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    pub roles: Vec<Role>,
    /// Who made it, and for whom it acts.
    pub user_id: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Accurate to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub name: String,
    pub roles: Vec<Role>,
    pub user_id: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error("whoever the key would act for has been erased")]
    NoOwner,
    #[error("no randomness for a key")]
    Random,
    #[error("the API keys cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// Where a page of a list begins. Newer keys have greater ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// After this many keys.
    Offset(i64),
    OlderThan(Uuid),
    NewerThan(Uuid),
}

/// Keys, the newest first.
#[derive(Debug)]
pub struct KeyPage {
    pub keys: Vec<ApiKey>,
    /// How many keys there are on all pages.
    pub total: i64,
    pub has_newer: bool,
    pub has_older: bool,
}

impl ApiKey {
    /// The beginning of the key itself.
    pub fn prefix(&self) -> String {
        text::prefix(self.id)
    }
}

/// Makes a key. Its text is returned here and never again.
pub async fn create(pool: &PgPool, new: NewApiKey) -> Result<(ApiKey, String), ApiKeyError> {
    let mut secret = [0_u8; text::SECRET_BYTES];
    rand::fill(&mut secret).map_err(|_| ApiKeyError::Random)?;
    let id = Uuid::now_v7();
    let roles: Vec<&str> = new.roles.iter().map(|role| role.as_str()).collect();
    let key = sqlx::query_as(&format!(
        "insert into auth.api_keys (id, secret_hash, name, roles, user_id, created_at, expires_at)
         select $1, $2, $3, $4, $5, $6, $7 where not exists (select from log.erasures where person_id = $5)
         returning {COLUMNS}"
    ))
    .bind(id)
    .bind(super::hash(&secret))
    .bind(new.name)
    .bind(roles)
    .bind(new.user_id.as_uuid())
    .bind(new.created_at)
    .bind(new.expires_at)
    .fetch_optional(pool)
    .await?;
    let key = key.ok_or(ApiKeyError::NoOwner)?;
    Ok((key, text::write(id, &secret)))
}

pub async fn get(pool: &PgPool, id: Uuid) -> Result<Option<ApiKey>, sqlx::Error> {
    sqlx::query_as(&format!(
        "select {COLUMNS} from auth.api_keys where id = $1"
    ))
    .bind(id)
    .fetch_optional(pool)
    .await
}

/// All keys that act for a user, the oldest first.
pub async fn of_user(pool: &PgPool, user_id: UserId) -> Result<Vec<ApiKey>, sqlx::Error> {
    sqlx::query_as(&format!(
        "select {COLUMNS} from auth.api_keys where user_id = $1 order by id"
    ))
    .bind(user_id.as_uuid())
    .fetch_all(pool)
    .await
}

pub async fn list(pool: &PgPool, place: KeyPlace, limit: u32) -> Result<KeyPage, sqlx::Error> {
    let total: i64 = sqlx::query_scalar("select count(*) from auth.api_keys")
        .fetch_one(pool)
        .await?;
    let mut query = QueryBuilder::new(format!("select {COLUMNS} from auth.api_keys"));
    match place {
        KeyPlace::Offset(offset) => query.push(" order by id desc offset ").push_bind(offset),
        KeyPlace::OlderThan(id) => query
            .push(" where id < ")
            .push_bind(id)
            .push(" order by id desc"),
        KeyPlace::NewerThan(id) => query
            .push(" where id > ")
            .push_bind(id)
            .push(" order by id"),
    };
    // One more than is shown tells whether there is another page.
    query.push(" limit ").push_bind(i64::from(limit) + 1);
    let mut keys: Vec<ApiKey> = query.build_query_as().fetch_all(pool).await?;
    let goes_on = keys.len() > limit as usize;
    keys.truncate(limit as usize);
    let (has_newer, has_older) = match place {
        KeyPlace::Offset(offset) => (offset > 0, goes_on),
        KeyPlace::OlderThan(_) => (true, goes_on),
        KeyPlace::NewerThan(_) => {
            keys.reverse();
            (goes_on, true)
        }
    };
    Ok(KeyPage {
        keys,
        total,
        has_newer,
        has_older,
    })
}

/// Revokes a key for ever; `None` if there is none. If it was revoked before, it stays as it is.
pub async fn revoke(pool: &PgPool, id: Uuid) -> Result<Option<Revoked>, sqlx::Error> {
    let mut transaction = daybook_database::begin(pool).await?;
    let found = sqlx::query(
        "update auth.api_keys set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = $1",
    )
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    if found.rows_affected() == 0 {
        return Ok(None);
    }
    let revoked = Revoked::ApiKey(id);
    announce(&mut transaction, revoked).await?;
    transaction.commit().await?;
    Ok(Some(revoked))
}

impl FromRow<'_, PgRow> for ApiKey {
    fn from_row(row: &PgRow) -> Result<ApiKey, sqlx::Error> {
        Ok(ApiKey {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            roles: roles(row.try_get("roles")?)?,
            user_id: row.try_get::<Uuid, _>("user_id")?.into(),
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

pub(super) fn roles<C: FromIterator<Role>>(names: Vec<String>) -> Result<C, sqlx::Error> {
    names
        .iter()
        .map(|name| name.parse())
        .collect::<Result<C, _>>()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
