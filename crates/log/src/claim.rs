//! Looking claims up.

use sqlx::{PgPool, query_scalar};

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
