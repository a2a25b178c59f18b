//! Forgetting an erased person in every copy of this read model.
//!
//! The live copy forgets them through the event, when its projector reaches it. Copies that no projector updates (the
//! previous version, one that is being built, one as of a position) would keep the person's data. So would PostgreSQL's
//! statistics of each copy, which hold sampled values; they are gathered anew.

use daybook_domain::UserId;
use daybook_log::Position;
use sqlx::{PgConnection, PgPool};

use super::NAME;
use crate::schema::SchemaName;

/// Removes the personal data of `person` from every copy. Returns whether that is complete: the live read model must
/// have reached `position`, where they were erased, and no copy may be in the making.
pub async fn forget(
    pool: &PgPool,
    person: UserId,
    position: Position,
) -> Result<bool, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    // Checked first: whatever is created after this is made by a process that has heard of the erasure.
    let done = is_past(&mut conn, position).await?;
    for schema in copies(&mut conn).await? {
        let statement = format!(
            "update {schema}.users set email = null, first_name = null, last_name = null, external_id = null
             where id = $1
                 and (email is not null or first_name is not null or last_name is not null or external_id is not null)"
        );
        let emptied = sqlx::query(&statement)
            .bind(person.as_uuid())
            .execute(&mut *conn)
            .await;
        let analyzed = match emptied {
            Ok(_) => {
                sqlx::query(&format!("analyze {schema}.users"))
                    .execute(&mut *conn)
                    .await
            }
            Err(error) => Err(error),
        };
        match analyzed {
            Ok(_) => {}
            // The copy was dropped or renamed meanwhile: the next attempt finds what exists then.
            Err(sqlx::Error::Database(error)) if is_gone(error.code().as_deref()) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

async fn is_past(conn: &mut PgConnection, position: Position) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from projections.checkpoints where name = $1 and position >= $2)
             and not exists (
                 select from projections.builds b
                 join pg_stat_activity s
                     on s.pid = b.session_pid and coalesce(s.backend_start, b.session_started) = b.session_started
                 where b.name = $1)",
    )
    .bind(NAME)
    .bind(position)
    .fetch_one(conn)
    .await
}

/// Every schema that holds a table made like this read model's, whatever the schema's name is.
async fn copies(conn: &mut PgConnection) -> Result<Vec<SchemaName>, sqlx::Error> {
    let schemas: Vec<String> = sqlx::query_scalar(
        "select n.nspname::text from pg_class t join pg_namespace n on n.oid = t.relnamespace
         where t.relname = 'users' and t.relkind = 'r' and t.relowner = 'daybook_server'::regrole
             and 4 = (
                 select count(*) from pg_attribute a
                 where a.attrelid = t.oid and a.attname in ('email', 'first_name', 'last_name', 'external_id'))",
    )
    .fetch_all(conn)
    .await?;
    Ok(schemas
        .iter()
        .filter_map(|schema| schema.parse().ok())
        .collect())
}

/// Class 3F000 is "invalid schema name", 42P01 "undefined table".
fn is_gone(code: Option<&str>) -> bool {
    matches!(code, Some("3F000" | "42P01"))
}
