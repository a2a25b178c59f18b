//! A database that is set back while servers run on it: an older copy of its folder is put back, as after a restore or
//! a failover that lost the last commits. Nobody restarts a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig, StopMode};
use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use crate::evidence::{self, eventually, head};
use crate::process::{self, Server};
use crate::site::{Visitor, serve};

/// A shop on a PostgreSQL of its own, whose folder can be copied and put back.
struct Shop {
    folder: TempDir,
    postgres: Option<PrivateServer>,
    server_url: String,
    migration_url: String,
}

impl Shop {
    async fn new() -> Shop {
        let folder = process::folder();
        let postgres = start(folder.path(), &[]).await;
        Shop {
            server_url: postgres.server_url(),
            migration_url: postgres.migration_url(),
            postgres: Some(postgres),
            folder,
        }
    }

    async fn open(&self, roles: &[&str]) -> Server {
        let mut command = self.command(&["serve"]);
        for role in roles {
            command.args(["--role", role]);
        }
        Server::start_command(&mut command).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        match arguments {
            ["serve", ..] => serve(
                self.folder.path(),
                &self.server_url,
                &self.migration_url,
                "127.0.0.1:0",
            ),
            _ => {
                let mut command = process::daybook(self.folder.path());
                command
                    .args(arguments)
                    .env("DATABASE_URL", &self.server_url)
                    .env("DATABASE_MIGRATION_URL", &self.migration_url);
                command
            }
        }
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("postgres/cluster")
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    async fn pool(&self) -> PgPool {
        let postgres = self.postgres.as_ref().unwrap();
        PgPool::connect(&postgres.url("daybook")).await.unwrap()
    }

    /// Stops PostgreSQL, does something to its folder, and starts it again with these settings.
    async fn offline(&mut self, settings: &[(&str, &str)], act: impl AsyncFnOnce(&Shop)) {
        self.postgres.take().unwrap().stop(StopMode::Fast).await;
        act(self).await;
        self.postgres = Some(start(self.folder.path(), settings).await);
    }

    async fn keep_a_copy(&mut self) {
        let copy = async |shop: &Shop| copy(&shop.cluster(), &shop.copy()).await;
        self.offline(&[], copy).await;
    }

    async fn put_the_copy_back(&mut self) {
        let put_back = async |shop: &Shop| {
            std::fs::remove_dir_all(shop.cluster()).unwrap();
            copy(&shop.copy(), &shop.cluster()).await;
        };
        self.offline(&[], put_back).await;
    }

    /// How many events the newest exported checkpoint covers.
    fn exported(&self) -> i64 {
        let latest = self.folder.path().join("data/checkpoints/latest");
        let note = std::fs::read_to_string(latest).unwrap_or_default();
        let size = note.lines().nth(1).and_then(|size| size.parse().ok());
        size.unwrap_or(0)
    }

    async fn everything_is_exported(&self) {
        let pool = self.pool().await;
        eventually("everything is exported", async || {
            self.exported() == head(&pool).await
        })
        .await;
    }
}

async fn start(folder: &Path, settings: &[(&str, &str)]) -> PrivateServer {
    let config =
        PrivateServerConfig::new(folder.join("postgres")).durability(Durability::FastForTests);
    let config = settings.iter().fold(config, |config, (name, value)| {
        config.setting(*name, *value)
    });
    PrivateServer::start(config).await.unwrap()
}

/// With the owner that PostgreSQL wants.
async fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().await;
    assert!(status.unwrap().success());
}

/// Sends an order until it is answered otherwise than with 503.
async fn insist(visitor: &Visitor, product: &str, quantity: u32, key: &str) -> (u16, Value) {
    loop {
        let order = visitor
            .order(product, quantity)
            .header("idempotency-key", key);
        if let Ok(answer) = order.send().await
            && answer.status() != 503
        {
            let status = answer.status().as_u16();
            return (status, answer.json().await.unwrap());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_end_on_a_database_that_lacks_what_was_exported_and_start_only_once_that_is_accepted()
 {
    let mut shop = Shop::new().await;
    let (one, other) = (shop.open(&[]).await, shop.open(&[]).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 100).await;
    let customer = Visitor::customer(&one).await;
    shop.everything_is_exported().await;
    let old = shop.exported();
    shop.keep_a_copy().await;
    for n in 0..12 {
        let (status, _) = insist(&customer, &product, 1, &format!("order-{n}")).await;
        assert_eq!(status, 201);
    }
    shop.everything_is_exported().await;
    let new = shop.exported();

    shop.put_the_copy_back().await;
    // Both would like to go on: the second one never wrote what is gone.
    for server in [one, other] {
        assert_eq!(server.ended().await.code(), Some(1));
    }
    let told = process::failure(&mut shop.command(&["serve"])).await;
    assert!(
        told.contains(&format!("it has {old} events")) && told.contains(&format!("covers {new}:")),
        "{told}"
    );
    assert_eq!(shop.exported(), new, "the proof of what is gone stays");
    let found = process::run(&mut shop.command(&["audit", "verify", "--json"])).await;
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(finding["kind"], "rolled-back", "{found}");
    assert_eq!(
        (&finding["position"], &finding["through"]),
        (&Value::from(old + 1), &Value::from(new)),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_history_told_is_neither_sold_nor_answered_again() {
    let mut shop = Shop::new().await;
    // Nothing is exported, so only memory can tell what is gone.
    let roles = ["api", "projector"];
    let (one, other) = (shop.open(&roles).await, shop.open(&roles).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 5).await;
    let customer = Visitor::customer(&one).await;
    let elsewhere = customer.at(&other);
    for (visitor, key) in [(&customer, "first"), (&elsewhere, "second")] {
        assert_eq!(insist(visitor, &product, 1, key).await.0, 201);
    }
    shop.keep_a_copy().await;
    // Acknowledged by the first, seen by the second, and lost.
    let path = format!("/products/{product}/stock");
    let more = serde_json::json!({"change": 10});
    let received = admin.request(Method::PUT, &path).json(&more);
    eventually("more units are there", async || {
        let again = received
            .try_clone()
            .unwrap()
            .header("idempotency-key", "more");
        admin.status(again).await == 200
    })
    .await;
    assert_eq!(insist(&elsewhere, &product, 1, "seen").await.0, 201);
    let (status, lost) = insist(&customer, &product, 9, "lost").await;
    assert_eq!(status, 201);

    shop.put_the_copy_back().await;
    // The first has acknowledged what is not there any more, and says so.
    assert_eq!(one.ended().await.code(), Some(1));
    // The second had acknowledged an order, too.
    assert_eq!(other.ended().await.code(), Some(1));
    let third = shop.open(&roles).await;
    let customer = customer.at(&third);
    let (status, told) = insist(&customer, &product, 9, "lost").await;
    assert_eq!(
        (status, &told["code"]),
        (409, &Value::from("out-of-stock")),
        "{told}"
    );
    let (status, order) = insist(&customer, &product, 3, "new").await;
    assert_eq!(status, 201, "{order}");
    assert_ne!(order["id"], lost["id"]);
    evidence::everything_holds(&shop.pool().await).await;
    assert!(third.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_acknowledged_nothing_of_what_is_lost_goes_on_with_what_is_there() {
    let mut shop = Shop::new().await;
    let roles = ["api", "projector"];
    let (one, other) = (shop.open(&roles).await, shop.open(&roles).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 5).await;
    let customer = Visitor::customer(&one).await;
    let elsewhere = customer.at(&other);
    assert_eq!(insist(&elsewhere, &product, 1, "before").await.0, 201);
    shop.keep_a_copy().await;
    assert_eq!(insist(&customer, &product, 4, "lost").await.0, 201);
    // The second server now has in memory that nothing is left.
    assert_eq!(insist(&elsewhere, &product, 1, "too late").await.0, 409);

    shop.put_the_copy_back().await;
    assert_eq!(one.ended().await.code(), Some(1));
    let (status, order) = insist(&elsewhere, &product, 4, "after").await;
    assert_eq!(status, 201, "the four units are there again: {order}");
    let (status, _) = insist(&elsewhere, &product, 1, "none left").await;
    assert_eq!(status, 409);
    let pool = shop.pool().await;
    let position = head(&pool).await;
    assert_eq!(elsewhere.stock(&product, position).await, 0);
    evidence::everything_holds(&pool).await;
    assert!(other.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_appended_while_a_crash_would_lose_it() {
    let mut shop = Shop::new().await;
    let server = shop.open(&[]).await;
    let product = Visitor::admin(&server).await.product("12.50", 5).await;
    let customer = Visitor::customer(&server).await;
    let before = head(&shop.pool().await).await;
    shop.offline(&[("full_page_writes", "off")], async |_| {})
        .await;
    let ready = server.url.replace("/api/v1", "/readyz");
    eventually("the server says that it is not ready", async || {
        let answer = reqwest::get(&ready).await.unwrap();
        answer.status() == 503
            && answer
                .text()
                .await
                .unwrap()
                .contains("would lose in a crash")
    })
    .await;
    let order = customer.order(&product, 1).header("idempotency-key", "o");
    assert_eq!(customer.status(order).await, 503);
    assert_eq!(head(&shop.pool().await).await, before);
    shop.offline(&[], async |_| {}).await;
    assert_eq!(insist(&customer, &product, 1, "o").await.0, 201);
    eventually("the server is ready again", async || {
        reqwest::get(&ready).await.unwrap().status() == 200
    })
    .await;
    evidence::everything_holds(&shop.pool().await).await;
    assert!(server.stop().await.success());
}
