//! Brings the database's schema and the rights on it to the state that this binary expects.

use daybook_database::{MIGRATOR, grant_server_role, weakened_by};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tracing::info;

use super::database::Database;
use crate::failure::Failure;

/// Why this binary does not work on the database as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error(
        "this PostgreSQL runs with {setting} = off, so that a crash loses what was acknowledged"
    )]
    NotDurable { setting: String },
    #[error("the database has migration {version}, which this binary does not know")]
    Newer { version: i64 },
    #[error("the database has migration {version} as another build of Daybook wrote it")]
    Differs { version: i64 },
    #[error("the database does not have the schema that this binary expects")]
    NotMigrated,
    #[error("the database could not be migrated")]
    Migration(#[source] MigrateError),
    #[error("the database stores text as {encoding}, which cannot hold every name")]
    Encoding { encoding: String },
    #[error("this PostgreSQL has no role {role}, which the database's rights are given to")]
    NoRole { role: &'static str },
}

impl SchemaError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            SchemaError::NotDurable { .. } => {
                "switch it on in postgresql.conf and reload PostgreSQL"
            }
            SchemaError::Newer { .. } => "run the newer Daybook that this database was migrated by",
            SchemaError::Differs { .. } => "run that build, or use another database",
            SchemaError::NotMigrated => "run `daybook migrate`; `daybook serve` does so too",
            SchemaError::Encoding { .. } => {
                "create it anew with `create database … encoding 'UTF8' template template0`"
            }
            SchemaError::NoRole { .. } => {
                "a dump has no roles: as DATABASE_MIGRATION_URL's role, run `create role daybook_log nologin; create role daybook_server nologin`, and restore the dump again"
            }
            SchemaError::Migration(_) => {
                "give DATABASE_MIGRATION_URL a role that may create roles and schemas, then run `daybook migrate`"
            }
        }
    }
}

impl From<MigrateError> for SchemaError {
    fn from(error: MigrateError) -> SchemaError {
        match error {
            MigrateError::VersionMissing(version) => SchemaError::Newer { version },
            MigrateError::VersionMismatch(version) => SchemaError::Differs { version },
            error => SchemaError::Migration(error),
        }
    }
}

/// Returns when the database can be relied on and is as this binary expects it.
pub(crate) async fn ready(database: &Database) -> Result<(), Failure> {
    check_encoding(&database.pool).await?;
    check_durability(&database.pool).await?;
    bring_up_to_date(database).await
}

/// Refuses a PostgreSQL that may lose data.
async fn check_durability(pool: &PgPool) -> Result<(), Failure> {
    let off = weakened_by(pool)
        .await
        .map_err(Failure::database("looking at PostgreSQL's settings"))?;
    off.map_or(Ok(()), |setting| {
        Err(SchemaError::NotDurable { setting }.into())
    })
}

/// Refuses a database that cannot hold every name. Its encoding never changes.
async fn check_encoding(pool: &PgPool) -> Result<(), Failure> {
    let encoding: String = sqlx::query_scalar("select current_setting('server_encoding')")
        .fetch_one(pool)
        .await
        .map_err(Failure::database("looking at the database's encoding"))?;
    match encoding.as_str() {
        "UTF8" => Ok(()),
        _ => Err(SchemaError::Encoding { encoding }.into()),
    }
}

/// For commands that work on an existing database, and leave migrating to others.
pub(crate) async fn must_be_current(database: &Database) -> Result<(), Failure> {
    match is_current(&database.pool).await? {
        true => Ok(()),
        false => Err(SchemaError::NotMigrated.into()),
    }
}

/// Migrates if that is needed. A server whose role may not migrate still starts on a database that is up to date.
async fn bring_up_to_date(database: &Database) -> Result<(), Failure> {
    if is_current(&database.pool).await? {
        return Ok(());
    }
    apply(database).await
}

/// Migrates a database whatever state it is in.
pub(crate) async fn migrate(database: &Database) -> Result<(), Failure> {
    check_encoding(&database.pool).await?;
    apply(database).await
}

/// Migrates as the migration role, then grants the server's role its rights. If several processes start at once, one
/// migrates and the others wait.
async fn apply(database: &Database) -> Result<(), Failure> {
    let login: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&database.pool)
        .await
        .map_err(Failure::database("asking for the server's role"))?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(database.migration.clone());
    let migrated = async {
        MIGRATOR.run(&pool).await.map_err(SchemaError::from)?;
        must_have_roles(&pool).await?;
        grant_server_role(&pool, &login)
            .await
            .map_err(Failure::database("granting the server its rights"))
    };
    let migrated = migrated.await;
    pool.close().await;
    migrated?;
    info!(role = login, "the schema is up to date");
    Ok(())
}

/// A dump that was restored into another cluster has brought the tables, but not the roles.
async fn must_have_roles(pool: &PgPool) -> Result<(), Failure> {
    for role in ["daybook_log", "daybook_server"] {
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(pool)
                .await
                .map_err(Failure::database("looking at the roles"))?;
        if !exists {
            return Err(SchemaError::NoRole { role }.into());
        }
    }
    Ok(())
}

/// Whether every migration was applied as this binary has it, and the server's role may use everything.
async fn is_current(pool: &PgPool) -> Result<bool, Failure> {
    let failed = || Failure::database("looking at the migrations");
    let may_read: bool = sqlx::query_scalar(
        "select coalesce(has_table_privilege(to_regclass('_sqlx_migrations'), 'select'), false)
            and exists (
                select from pg_roles where rolname = 'daybook_server' and pg_has_role(oid, 'usage')
                    and has_database_privilege(oid, current_database(), 'create'))",
    )
    .fetch_one(pool)
    .await
    .map_err(failed())?;
    if !may_read {
        return Ok(false);
    }
    let applied: Vec<(i64, bool, Vec<u8>)> =
        sqlx::query_as("select version, success, checksum from _sqlx_migrations order by version")
            .fetch_all(pool)
            .await
            .map_err(failed())?;
    if let Some((version, ..)) = applied
        .iter()
        .find(|(version, ..)| !MIGRATOR.version_exists(*version))
    {
        return Err(SchemaError::Newer { version: *version }.into());
    }
    Ok(MIGRATOR.iter().all(|migration| {
        applied.iter().any(|(version, success, checksum)| {
            *version == migration.version && *success && *checksum == *migration.checksum
        })
    }))
}
