//! A year of a real shop, half a million lines: the reports agree with the file to the penny after the import, after a
//! rebuild, and when either was killed half-way.
//!
//! Runs if `DAYBOOK_RETAIL_CSV` names the file (UCI Online Retail, doi 10.24432/C5BW33, as CSV with ISO dates), and
//! otherwise says that it did not run. It has no harness, so that it then counts as ignored and not as passed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod oracle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use oracle::{Expected, Sums};
use process::{Server, daybook, folder};
use reqwest::Client;
use serde_json::Value;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, query_scalar};
use tempfile::TempDir;
use tokio::process::Command;

const FILE: &str = "DAYBOOK_RETAIL_CSV";
const ADMIN: (&str, &str) = ("owner@shop.example", "a password of ours");

fn main() -> ExitCode {
    println!("\nrunning 1 test");
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else {
        println!("test reports_agree_with_the_file_to_the_penny ... ignored, {FILE} names no file");
        println!("\ntest result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n");
        return ExitCode::SUCCESS;
    };
    assert!(
        file.exists(),
        "{FILE} names {}, which is not there",
        file.display()
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A panic ends the process with a status that cargo reports.
    runtime.block_on(reports_agree_with_the_file_to_the_penny(&file));
    println!("test reports_agree_with_the_file_to_the_penny ... ok");
    println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
    ExitCode::SUCCESS
}

async fn reports_agree_with_the_file_to_the_penny(file: &Path) {
    let expected = Expected::of(file);

    let shop = Shop::open().await;
    let imported = shop.import(file).await;
    assert_eq!(imported["linesRead"], expected.lines);
    assert_eq!(imported["taken"], expected.lines - expected.rejected);
    shop.must_agree(&expected, "after the import").await;
    shop.kill_a_rebuild().await;
    shop.must_agree(&expected, "after a killed rebuild").await;
    let rebuilt = shop.command(&["projections", "rebuild", "--all"]).output();
    assert!(rebuilt.await.unwrap().status.success());
    shop.must_agree(&expected, "after a rebuild").await;
    shop.close().await;

    let shop = Shop::open().await;
    shop.kill_an_import(file).await;
    let finished = shop.import(file).await;
    assert!(finished["alreadyThere"].as_u64().unwrap() > 0);
    shop.must_agree(&expected, "after a killed import and another")
        .await;
    shop.close().await;
}

struct Shop {
    folder: TempDir,
    server: Server,
    token: String,
    pool: PgPool,
}

impl Shop {
    async fn open() -> Shop {
        let folder = folder();
        let mut command = daybook(folder.path());
        command
            .arg("serve")
            .env("DAYBOOK_DEMO", "off")
            .env("DAYBOOK_RATE_LIMITS", "off")
            .env("DAYBOOK_ADMIN_EMAIL", ADMIN.0)
            .env("DAYBOOK_ADMIN_PASSWORD", ADMIN.1);
        let server = Server::start_command(&mut command).await;
        let token = server.sign_in(ADMIN.0, ADMIN.1).await;
        let urls = fs::read_to_string(folder.path().join("data/postgres/urls")).unwrap();
        let pool = PgPool::connect(urls.lines().next().unwrap()).await.unwrap();
        Shop {
            folder,
            server,
            token,
            pool,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = daybook(self.folder.path());
        command.args(arguments);
        command
    }

    fn importing(&self, file: &Path) -> Command {
        let mut command = self.command(&["import", "orders", "--currency", "GBP", "--json"]);
        command
            .arg(file)
            .arg("--rejects")
            .arg(self.folder.path().join("rejects.csv"));
        command
    }

    async fn import(&self, file: &Path) -> Value {
        let output = self.importing(file).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        println!("{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Kills it once a third of the lines are in the log.
    async fn kill_an_import(&self, file: &Path) {
        let mut listener = PgListener::connect_with(&self.pool).await.unwrap();
        listener.listen(daybook_log::LOG_CHANNEL).await.unwrap();
        let mut running = self.importing(file).stdout(Stdio::null()).spawn().unwrap();
        loop {
            let head: i64 = listener.recv().await.unwrap().payload().parse().unwrap();
            if head > 180_000 {
                break;
            }
        }
        running.kill().await.unwrap();
    }

    /// Kills it while one of the read models is being built.
    async fn kill_a_rebuild(&self) {
        let mut running = self
            .command(&["projections", "rebuild", "--all"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            let building = "select exists (select from projections.builds where position > 0)";
            if query_scalar(building).fetch_one(&self.pool).await.unwrap() {
                break;
            }
            assert!(
                running.try_wait().unwrap().is_none(),
                "the rebuild was over before it could be killed"
            );
            tokio::task::yield_now().await;
        }
        running.kill().await.unwrap();
    }

    async fn must_agree(&self, expected: &Expected, when: &str) {
        let months = self.report("sales?interval=month").await;
        let months: BTreeMap<String, Sums> = months
            .iter()
            .map(|row| (row["date"].as_str().unwrap()[..7].to_owned(), sums(row)))
            .collect();
        assert_eq!(months, expected.months, "{when}");
        let by_revenue = self.top("revenue").await;
        assert_eq!(by_revenue, expected.top(|sums| sums.revenue), "{when}");
        let by_units = self.top("units").await;
        assert_eq!(by_units, expected.top(|sums| sums.units), "{when}");
        println!("agrees {when}");
    }

    async fn top(&self, by: &str) -> Vec<(String, i64, i64)> {
        let top = self.report(&format!("top-products?limit=10&by={by}")).await;
        top.iter()
            .map(|row| {
                let sku = row["sku"].as_str().unwrap().to_owned();
                (
                    sku,
                    row["units"].as_i64().unwrap(),
                    pennies(&row["revenue"]),
                )
            })
            .collect()
    }

    /// A report that includes everything in the log.
    async fn report(&self, report: &str) -> Vec<Value> {
        let head: i64 = query_scalar("select max(position) from log.events")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        let request = Client::new()
            .get(self.server.url_of(&format!("/analytics/{report}")))
            .bearer_auth(&self.token)
            .header("Daybook-Min-Position", head);
        let (rows, _) = self.server.ask(request).await;
        rows.as_array().unwrap().clone()
    }

    async fn close(self) {
        self.pool.close().await;
        assert!(self.server.stop().await.success());
    }
}

fn sums(row: &Value) -> Sums {
    let count = |name: &str| row[name].as_i64().unwrap();
    Sums {
        orders: count("orders"),
        units: count("units"),
        revenue: pennies(&row["revenue"]),
        returned: count("returned"),
        refunded: pennies(&row["refunded"]),
    }
}

/// Amounts of a few millions are exact in a float's 53 bits.
fn pennies(amount: &Value) -> i64 {
    (amount.as_f64().unwrap() * 100.0).round() as i64
}
