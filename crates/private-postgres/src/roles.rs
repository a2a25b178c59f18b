//! The roles and the database that a Daybook server expects.
//!
//! | role | may |
//! | --- | --- |
//! | `postgres` | everything |
//! | `daybook_migrator` | create roles; owns the database and migrates it |
//! | `daybook` | what the migrations grant to the group `daybook_server` |

use daybook_database::quoted;
use sqlx::{Connection, Executor, PgConnection};

pub(crate) const SUPERUSER: &str = "postgres";
pub(crate) const MAINTENANCE_DATABASE: &str = "postgres";
pub(crate) const DATABASE: &str = "daybook";
/// The login role of the server.
pub const SERVER_ROLE: &str = "daybook";
/// The login role that migrates.
pub const MIGRATION_ROLE: &str = "daybook_migrator";

/// Creates the login roles if they are missing, and resets their rights.
pub(crate) async fn ensure_roles(superuser: &mut PgConnection) -> Result<(), sqlx::Error> {
    for (role, rights) in [
        (SERVER_ROLE, "login nosuperuser nocreatedb nocreaterole"),
        (MIGRATION_ROLE, "login nosuperuser nocreatedb createrole"),
    ] {
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(&mut *superuser)
                .await?;
        let verb = if exists { "alter" } else { "create" };
        superuser
            .execute(format!("{verb} role {role} {rights}").as_str())
            .await?;
    }
    Ok(())
}

/// Whether the database exists.
pub(crate) async fn database_exists(
    connection: &mut PgConnection,
    name: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
}

/// Creates a database that the migration role owns and that only it and the server role can enter. A copy
/// of a template has everything that is in the template, so `public` belongs to the migration role
/// already; `url` (a superuser's, to the new database) is for a database made from scratch.
pub(crate) async fn create_database(
    superuser: &mut PgConnection,
    name: &str,
    origin: Origin<'_>,
) -> Result<(), sqlx::Error> {
    let database = quoted(name);
    let template = match origin {
        Origin::Template(template) => format!(" template {}", quoted(template)),
        Origin::Scratch { .. } => String::new(),
    };
    let create = format!("create database {database} owner {MIGRATION_ROLE}{template}");
    superuser.execute(create.as_str()).await?;
    for statement in [
        format!("revoke all on database {database} from public"),
        format!("grant connect on database {database} to {SERVER_ROLE}"),
    ] {
        superuser.execute(statement.as_str()).await?;
    }
    if let Origin::Template(_) = origin {
        // Rights that the migrations granted on the database itself are not copied with it.
        let grant = format!(
            "do $$ begin
                 if exists (select from pg_roles where rolname = 'daybook_server') then
                     grant create on database {database} to daybook_server;
                 end if;
             end $$"
        );
        superuser.execute(grant.as_str()).await?;
    }
    if let Origin::Scratch { url } = origin {
        let mut inside = PgConnection::connect(url).await?;
        for statement in [
            // Before PostgreSQL 15 the schema belongs to the superuser, and everybody may create objects
            // in it.
            format!("alter schema public owner to {MIGRATION_ROLE}"),
            "revoke create on schema public from public".to_owned(),
        ] {
            inside.execute(statement.as_str()).await?;
        }
        inside.close().await?;
    }
    Ok(())
}

/// What a new database is made from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    Template(&'a str),
    Scratch { url: &'a str },
}
