//! A database of its own, files, and what an import leaves in the log.

use std::fs;
use std::path::{Path, PathBuf};

use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use serde_json::{Value, json};
use sqlx::{PgPool, query_as, query_scalar};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{daybook, folder, run};

/// The lines of `orders.csv`, counted by other means.
pub(crate) const LINES: u64 = 364;
pub(crate) const TAKEN: u64 = 349;
pub(crate) const PRODUCTS: u64 = 20;

pub(crate) struct Place {
    folder: TempDir,
    pub(crate) database: TestDatabase,
}

impl Place {
    pub(crate) async fn new() -> Place {
        Place {
            folder: folder(),
            database: TestDatabase::create(&MIGRATOR).await.unwrap(),
        }
    }

    pub(crate) fn import(&self, file: &Path) -> Command {
        self.import_in("DKK", file)
    }

    pub(crate) fn import_in(&self, currency: &str, file: &Path) -> Command {
        let mut command = daybook(self.folder.path());
        command
            .args(["import", "orders", "--json", "--currency", currency])
            .arg(file)
            .arg("--rejects")
            .arg(self.rejects())
            .env("DATABASE_URL", self.database.server_url())
            .env("DATABASE_MIGRATION_URL", self.database.migration_url());
        command
    }

    pub(crate) fn rejects(&self) -> PathBuf {
        self.folder.path().join("rejects.csv")
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) async fn pool(&self) -> PgPool {
        self.database.superuser_pool().unwrap()
    }

    /// From the log: lines, units sold, their price, units returned and the refund.
    pub(crate) async fn in_the_log(&self) -> (i64, i64, i64, i64, i64) {
        query_as(
            "select count(*),
                    coalesce(sum(quantity) filter (where quantity > 0), 0)::bigint,
                    coalesce(sum(quantity * price) filter (where quantity > 0), 0)::bigint,
                    coalesce(-sum(quantity) filter (where quantity < 0), 0)::bigint,
                    coalesce(-sum(quantity * price) filter (where quantity < 0), 0)::bigint
             from (select (payload->>'quantity')::bigint as quantity,
                          (payload->'unitPrice'->>'minor')::bigint as price
                   from log.events where event_type = 'order.line_imported') lines",
        )
        .fetch_one(&self.pool().await)
        .await
        .unwrap()
    }

    pub(crate) async fn count(&self, event_type: &str) -> i64 {
        query_scalar("select count(*) from log.events where event_type = $1")
            .bind(event_type)
            .fetch_one(&self.pool().await)
            .await
            .unwrap()
    }
}

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples")
        .join(name)
}

/// The summary of an import that succeeds.
pub(crate) async fn summary(command: &mut Command) -> Value {
    let output = run(command).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn orders(place: &Place) -> Command {
    let mut command = place.import(&sample("orders.csv"));
    command.args(["--columns", "description=Text"]);
    command
}

pub(crate) fn all_reasons() -> Value {
    json!({
        "bad-date": 1, "bad-price": 1, "bad-quantity": 2, "bad-sku": 1, "future-date": 1, "negative-price": 1,
        "no-date": 1, "no-order": 1, "no-price": 1, "no-quantity": 1, "no-sku": 1, "too-many-places": 1,
        "unclosed-quote": 1, "wrong-number-of-fields": 1
    })
}
