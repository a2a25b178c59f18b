//! A database for the binary, and its contents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use daybook_projections::runtime::PROJECTION_CHANNEL;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, query_scalar};
use tokio::process::Command;

use super::{daybook, run};

pub(crate) const ADMIN: (&str, &str) = ("owner@shop.example", "a password of ours");

/// A database, and a folder with its keys.
pub(crate) struct Place<'a> {
    pub(crate) database: TestDatabase,
    folder: &'a Path,
}

impl Place<'_> {
    pub(crate) async fn new(folder: &Path) -> Place<'_> {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        Place { database, folder }
    }

    pub(crate) fn daybook(&self, arguments: &[&str]) -> Command {
        let mut command = daybook(self.folder);
        command
            .args(arguments)
            .env("DATABASE_URL", self.database.server_url())
            .env("DATABASE_MIGRATION_URL", self.database.migration_url())
            .env("DAYBOOK_ADMIN_EMAIL", ADMIN.0)
            .env("DAYBOOK_ADMIN_PASSWORD", ADMIN.1);
        command
    }

    pub(crate) fn pool(&self) -> PgPool {
        self.database.superuser_pool().unwrap()
    }

    pub(crate) async fn head(&self) -> i64 {
        let head = query_scalar("select coalesce(max(position), 0) from log.events");
        head.fetch_one(&self.pool()).await.unwrap()
    }

    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let rows = format!("select t::text from {table} t order by 1");
        query_scalar(&rows).fetch_all(&self.pool()).await.unwrap()
    }

    pub(crate) async fn log(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut log = BTreeMap::new();
        for table in [
            "log.events",
            "log.claims",
            "log.idempotency_records",
            "log.person_keys",
            "log.settings",
        ] {
            log.insert(table, self.rows(table).await);
        }
        log
    }

    /// Every read model's rows, once all have reached the log's head.
    pub(crate) async fn read_models(&self) -> BTreeMap<String, Vec<String>> {
        let pool = self.pool();
        let mut heard = PgListener::connect_with(&pool).await.unwrap();
        heard.listen(PROJECTION_CHANNEL).await.unwrap();
        let behind = "select count(*) from projections.checkpoints where position < $1";
        let head = self.head().await;
        while query_scalar::<_, i64>("select count(*) from projections.checkpoints")
            .fetch_one(&pool)
            .await
            .unwrap()
            == 0
            || query_scalar::<_, i64>(behind)
                .bind(head)
                .fetch_one(&pool)
                .await
                .unwrap()
                > 0
        {
            heard.recv().await.unwrap();
        }
        let tables: Vec<String> = query_scalar(
            "select format('%I.%I', schemaname, tablename) from pg_tables
             where schemaname in (select schema_name from projections.checkpoints) order by 1",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let mut models = BTreeMap::new();
        for table in tables {
            let rows = self.rows(&table).await;
            models.insert(table, rows);
        }
        models
    }

    pub(crate) async fn seeded(&self) {
        let seeded = run(&mut self.daybook(&["seed"])).await;
        assert!(seeded.status.success(), "{seeded:?}");
    }

    /// Exports the log; returns the file, and what the command printed.
    pub(crate) async fn export(&self, name: &str) -> (PathBuf, String) {
        let file = self.folder.join(name);
        let exported = run(&mut self.daybook(&["export", file.to_str().unwrap()])).await;
        assert!(exported.status.success(), "{exported:?}");
        (file, String::from_utf8(exported.stderr).unwrap())
    }
}
