//! What the servers of one database know of each other without having been told.

use aws_lc_rs::rand;
use sqlx::{PgPool, query_scalar};

use crate::LogError;
use crate::seal::SealError;

/// The setting that holds it.
const SHOP_SECRET: &str = "shop_secret";

/// 32 random bytes, made by the first server that asks: for names of things that the servers of this database
/// share outside of it, and that nobody else may find or confuse with their own.
pub async fn shop_secret(pool: &PgPool) -> Result<Vec<u8>, LogError> {
    let mut proposed = [0; 32];
    rand::fill(&mut proposed).map_err(|_| SealError::Random)?;
    let settled = query_scalar("select log.settle($1, $2)")
        .bind(SHOP_SECRET)
        .bind(&proposed[..])
        .fetch_one(pool)
        .await?;
    Ok(settled)
}
