//! What the server's role may.

use sqlx::{Executor, PgConnection, PgPool, query_scalar};

/// Makes the login role a member of the group `daybook_server`, which the migrations create, and gives the group what
/// no dump of a database contains: the right to make schemas in it. To be called after the migrations, as the role that
/// ran them; does nothing where the rights are there already.
pub async fn grant_server_role(
    migration_pool: &PgPool,
    login_role: &str,
) -> Result<(), sqlx::Error> {
    let mut connection = migration_pool.acquire().await?;
    if !may_make_schemas(&mut connection).await? {
        let database: String = query_scalar("select current_database()::text")
            .fetch_one(&mut *connection)
            .await?;
        let grant = format!(
            "grant create on database {} to daybook_server",
            quoted(&database)
        );
        connection.execute(grant.as_str()).await?;
    }
    let is_member: bool = query_scalar("select pg_has_role($1::name, 'daybook_server', 'usage')")
        .bind(login_role)
        .fetch_one(&mut *connection)
        .await?;
    if !is_member {
        let grant = format!("grant daybook_server to {}", quoted(login_role));
        connection.execute(grant.as_str()).await?;
    }
    Ok(())
}

/// Whether the group may make schemas, which builders of read models do. The group must exist.
async fn may_make_schemas(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    query_scalar("select has_database_privilege('daybook_server', current_database(), 'create')")
        .fetch_one(connection)
        .await
}

/// A name as SQL takes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
