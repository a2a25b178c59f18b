//! Migrated databases to copy from: migrating takes a second, copying a few hundredths of one.

use std::hash::{DefaultHasher, Hash, Hasher};

use daybook_database::{grant_server_role, quoted};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection};

use super::address::Address;
use crate::roles::{self, MIGRATION_ROLE, Origin, SERVER_ROLE, database_exists};

/// An arbitrary number, the same in all processes that use one server.
const LOCK: i64 = 0x6461_7962_6f6f_6b74;

/// The name of the template for these migrations; it is created if it is missing.
pub(crate) async fn ensure_template(
    maintenance: &mut PgConnection,
    address: &Address,
    migrator: &Migrator,
) -> Result<String, sqlx::Error> {
    let name = template_name(migrator);
    if !database_exists(maintenance, &name).await? {
        with_lock(maintenance, async |maintenance| {
            if !database_exists(maintenance, &name).await? {
                make_template(maintenance, address, migrator, &name).await?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(name)
}

/// Runs the work while no other process that uses the same server runs its own.
pub(crate) async fn with_lock(
    maintenance: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let held = "select pg_advisory_lock($1)";
    sqlx::query(held)
        .bind(LOCK)
        .execute(&mut *maintenance)
        .await?;
    let result = work(maintenance).await;
    let released = "select pg_advisory_unlock($1)";
    sqlx::query(released)
        .bind(LOCK)
        .execute(&mut *maintenance)
        .await?;
    result
}

/// Created under another name and renamed when complete: a template that exists can be copied.
async fn make_template(
    maintenance: &mut PgConnection,
    address: &Address,
    migrator: &Migrator,
    name: &str,
) -> Result<(), sqlx::Error> {
    let unfinished = format!("{name}_unfinished");
    let drop = format!(
        "drop database if exists {} with (force)",
        quoted(&unfinished)
    );
    maintenance.execute(drop.as_str()).await?;
    let url = address.superuser_url(&unfinished);
    roles::create_database(maintenance, &unfinished, Origin::Scratch { url: &url }).await?;

    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&address.url(MIGRATION_ROLE, &unfinished))
        .await?;
    migrator.run(&pool).await?;
    if role_exists(maintenance, "daybook_server").await? {
        grant_server_role(&pool, SERVER_ROLE).await?;
    }
    pool.close().await;

    let close = format!(
        "alter database {} allow_connections false",
        quoted(&unfinished)
    );
    maintenance.execute(close.as_str()).await?;
    // A database in use cannot be renamed, and a session that was closed takes a moment to end.
    sqlx::query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1")
        .bind(&unfinished)
        .execute(&mut *maintenance)
        .await?;
    let rename = format!(
        "alter database {} rename to {}",
        quoted(&unfinished),
        quoted(name)
    );
    maintenance.execute(rename.as_str()).await?;
    Ok(())
}

async fn role_exists(connection: &mut PgConnection, role: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(connection)
        .await
}

fn template_name(migrator: &Migrator) -> String {
    let mut hasher = DefaultHasher::new();
    for migration in migrator.iter() {
        migration.version.hash(&mut hasher);
        migration.checksum.hash(&mut hasher);
    }
    format!("daybook_template_{:016x}", hasher.finish())
}
