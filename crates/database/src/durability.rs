//! Whether PostgreSQL keeps what it has committed when it crashes.

use sqlx::{PgPool, query_scalar};

/// The first setting without which a crash loses what was committed, whatever a session sets for itself. Each append
/// looks at the same (migration 20), and sets what can be set for one commit.
pub async fn weakened_by(pool: &PgPool) -> Result<Option<String>, sqlx::Error> {
    query_scalar(
        "select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off'
         order by name limit 1",
    )
    .fetch_optional(pool)
    .await
}
