//! Identifies the database.

use sqlx::{PgPool, query_scalar};

use crate::LogError;

/// The same for everyone who uses this database, and different for any other one, also for a copy that was restored
/// from a dump.
pub async fn database_identity(pool: &PgPool) -> Result<String, LogError> {
    let identity = query_scalar(
        "select system_identifier || '/' || (select oid from pg_database where datname = current_database())
         from pg_control_system()",
    );
    Ok(identity.fetch_one(pool).await?)
}
