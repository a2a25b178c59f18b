//! Answers given to idempotency keys.

use std::sync::Arc;

use daybook_domain::UserId;
use sqlx::{PgPool, query_as};
use uuid::Uuid;

use crate::seal::{PersonKey, SealError};
use crate::{Codec, LogError, Position};

/// An answer as it is recorded: `headers` is JSON, `body` sealed where `person` is set.
#[derive(Debug)]
pub struct Record {
    pub key_hash: Vec<u8>,
    pub fingerprint: Vec<u8>,
    pub status: i16,
    pub headers: String,
    pub body: Vec<u8>,
    pub person: Option<Uuid>,
}

/// An answer read back, with its body opened; without a body if the person whom it is about was erased.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub fingerprint: Vec<u8>,
    pub position: Position,
    pub status: i16,
    pub headers: String,
    pub body: Option<Vec<u8>>,
}

impl Record {
    /// Seals the body, if it holds somebody's personal data.
    pub fn sealed(mut self, person: UserId, key: &Arc<PersonKey>) -> Result<Record, SealError> {
        self.body = key.seal_bytes(&self.body, &self.key_hash)?;
        self.person = Some(person.as_uuid());
        Ok(self)
    }
}

type Row = (Vec<u8>, Position, i16, String, Vec<u8>, Option<Uuid>);

/// The answer recorded for a key, by its hash.
pub async fn find(
    pool: &PgPool,
    codec: &Codec,
    key_hash: &[u8],
) -> Result<Option<Recorded>, LogError> {
    let row: Option<Row> = query_as(
        "select fingerprint, position, status, headers, body, person_id
         from log.idempotency_records where key_hash = $1",
    )
    .bind(key_hash)
    .fetch_optional(pool)
    .await?;
    let Some((fingerprint, position, status, headers, body, person)) = row else {
        return Ok(None);
    };
    let body = match person {
        None => Some(body),
        Some(person) => match codec.key_of(person.into()).await? {
            Some(key) => Some(key.open_bytes(&body, key_hash)?),
            None => None,
        },
    };
    Ok(Some(Recorded {
        fingerprint,
        position,
        status,
        headers,
        body,
    }))
}

/// Deletes answers older than they are promised for; returns how many.
pub async fn forget(pool: &PgPool) -> Result<i64, LogError> {
    let forgotten =
        sqlx::query_scalar("select log.forget_idempotency_records(interval '48 hours')");
    Ok(forgotten.fetch_one(pool).await?)
}
