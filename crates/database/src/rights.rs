//! What the server's role may.

use sqlx::{Executor, PgPool};

/// Makes the login role a member of the group `daybook_server`, which the migrations create. To be
/// called after them, as the role that ran them; does nothing where the role already has its rights.
pub async fn grant_server_role(
    migration_pool: &PgPool,
    login_role: &str,
) -> Result<(), sqlx::Error> {
    let mut connection = migration_pool.acquire().await?;
    let has_it: bool =
        sqlx::query_scalar("select pg_has_role($1::name, 'daybook_server', 'usage')")
            .bind(login_role)
            .fetch_one(&mut *connection)
            .await?;
    if !has_it {
        connection
            .execute(format!("grant daybook_server to {}", quoted(login_role)).as_str())
            .await?;
    }
    Ok(())
}

/// A name as SQL takes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
