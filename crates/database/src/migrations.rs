//! The schema, which the folder `migrations` keeps.
//!
//! The files are in the binary. sqlx's own macro for that would compile sqlx a second time, with its TLS, for the
//! compiler; a test holds that it would make the same of them.

use std::borrow::Cow;
use std::sync::LazyLock;

use include_dir::{Dir, File, include_dir};
use sqlx::migrate::{Migration, MigrationType, Migrator};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");

/// The database's schema, in the order in which it came to be.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations: Vec<Migration> = FILES.files().filter_map(migration).collect();
    migrations.sort_by_key(|migration| migration.version);
    Migrator {
        migrations: Cow::Owned(migrations),
        ..Migrator::DEFAULT
    }
});

/// `0007_what_it_does.sql`; what is not named so is no migration.
fn migration(file: &'static File<'static>) -> Option<Migration> {
    let name = file.path().file_name()?.to_str()?;
    let (version, description) = name.strip_suffix(".sql")?.split_once('_')?;
    let sql = file.contents_utf8()?;
    Some(Migration::new(
        version.parse().ok()?,
        Cow::Owned(description.replace('_', " ")),
        MigrationType::Simple,
        Cow::Borrowed(sql),
        sql.starts_with("-- no-transaction"),
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn the_migrations_are_what_sqlx_makes_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let by_sqlx = Migrator::new(folder).await.unwrap();
        let told = |migrator: &Migrator| -> Vec<(i64, String, Vec<u8>)> {
            let migrations = migrator.iter();
            migrations
                .map(|it| (it.version, it.description.to_string(), it.checksum.to_vec()))
                .collect()
        };
        assert!(!told(&MIGRATOR).is_empty());
        assert_eq!(told(&MIGRATOR), told(&by_sqlx));
    }
}
