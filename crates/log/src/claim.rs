//! Looking claims up.

use std::collections::HashMap;

use sqlx::{PgPool, query_as, query_scalar};

use crate::LogError;

/// Who holds a value.
pub async fn owner(pool: &PgPool, kind: &str, value: &[u8]) -> Result<Option<String>, LogError> {
    let owner = query_scalar("select owner from log.claims where kind = $1 and value = $2")
        .bind(kind)
        .bind(value)
        .fetch_optional(pool)
        .await?;
    Ok(owner)
}

/// The owners of `values`; values that nobody holds are left out.
pub async fn owners(
    pool: &PgPool,
    kind: &str,
    values: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, String>, LogError> {
    let owners: Vec<(Vec<u8>, String)> =
        query_as("select value, owner from log.claims where kind = $1 and value = any($2)")
            .bind(kind)
            .bind(values)
            .fetch_all(pool)
            .await?;
    Ok(owners.into_iter().collect())
}
