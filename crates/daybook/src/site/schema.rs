//! Brings the database's schema and the rights on it to the state that this binary expects.

use daybook_database::{MIGRATOR, grant_server_role};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tracing::info;

use super::database::Database;
use crate::failure::Failure;

/// Settings without which an acknowledged command may be lost in a crash.
const DURABILITY: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

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
    #[error("the database has not the schema that this binary expects")]
    NotMigrated,
    #[error("the database could not be migrated")]
    Migration(#[source] MigrateError),
}

impl SchemaError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            SchemaError::NotDurable { .. } => {
                "switch it on in postgresql.conf and restart PostgreSQL"
            }
            SchemaError::Newer { .. } => "run the newer Daybook that this database was migrated by",
            SchemaError::Differs { .. } => "run that build, or use another database",
            SchemaError::NotMigrated => "run `daybook migrate`; `daybook serve` does so too",
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
    check_durability(&database.pool).await?;
    bring_up_to_date(database).await
}

/// Refuses a PostgreSQL that may lose data.
async fn check_durability(pool: &PgPool) -> Result<(), Failure> {
    let off: Option<String> = sqlx::query_scalar(
        "select name from pg_settings where name = any($1) and setting = 'off' order by name",
    )
    .bind(&DURABILITY[..])
    .fetch_optional(pool)
    .await
    .map_err(Failure::database("looking at PostgreSQL's settings"))?;
    off.map_or(Ok(()), |setting| {
        Err(SchemaError::NotDurable { setting }.into())
    })
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
    migrate(database).await
}

/// Migrates as the migration role, then grants the server's role its rights. If several processes start at once, one
/// migrates and the others wait.
pub(crate) async fn migrate(database: &Database) -> Result<(), Failure> {
    let login: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&database.pool)
        .await
        .map_err(Failure::database("asking for the server's role"))?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(database.migration.clone());
    let migrated = async {
        MIGRATOR.run(&pool).await.map_err(SchemaError::from)?;
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

/// Whether every migration was applied as this binary has it, and the server's role may use everything.
async fn is_current(pool: &PgPool) -> Result<bool, Failure> {
    let failed = || Failure::database("looking at the migrations");
    let may_read: bool = sqlx::query_scalar(
        "select coalesce(has_table_privilege(to_regclass('_sqlx_migrations'), 'select'), false)
            and exists (
                select from pg_roles where rolname = 'daybook_server' and pg_has_role(oid, 'usage'))",
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
