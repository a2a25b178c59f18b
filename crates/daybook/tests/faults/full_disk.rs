//! The database's disk is full for a while: nothing that was acknowledged is lost, queries that can be answered are
//! answered, and once there is room again everything continues on its own.

use std::path::Path;

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{PgPool, query_scalar};
use tokio::process::Command;
use uuid::Uuid;

use crate::evidence::eventually;
use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Visitor, free_address, with_admin};
use crate::small_disk::SmallDisk;

/// A shop with its private PostgreSQL, both on the small disk.
struct Shop {
    disk: SmallDisk,
    listen: String,
    server: Server,
    /// Connected as PostgreSQL's superuser.
    pool: PgPool,
    product: String,
    customer: Visitor,
}

impl Shop {
    async fn open(disk: SmallDisk) -> Shop {
        let listen = free_address();
        let server = Server::start_command(&mut serve(disk.path(), &listen)).await;
        let urls = std::fs::read_to_string(disk.path().join("data/postgres/urls")).unwrap();
        let url = urls.lines().next().unwrap();
        assert!(url.contains("user=daybook"), "{url}");
        let pool = PgPool::connect_lazy(&url.replace("user=daybook", "user=postgres")).unwrap();
        let product = Visitor::admin(&server)
            .await
            .product("12.50", 1_000_000)
            .await;
        let customer = Visitor::customer(&server).await;
        Shop {
            disk,
            listen,
            server,
            pool,
            product,
            customer,
        }
    }

    fn rebuild(&self) -> Command {
        let mut command = process::daybook(self.disk.path());
        command.args(["projections", "rebuild", "--all"]);
        command
    }
}

fn serve(folder: &Path, listen: &str) -> Command {
    let mut command = process::daybook(folder);
    with_admin(&mut command)
        .arg("serve")
        .env("DAYBOOK_LISTEN", listen)
        .env("DAYBOOK_DEMO", "off")
        // Logs only the message that PostgreSQL has ended.
        .env("DAYBOOK_LOG", "daybook::site=error");
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_rows_commands_are_refused_and_queries_answered() {
    let test = "full_disk::without_room_for_rows_commands_are_refused_and_queries_answered";
    let Some(disk) = SmallDisk::enter(test) else {
        return;
    };
    let shop = Shop::open(disk).await;
    let load = Load::start(&shop.customer, &shop.product);
    load.acknowledged(50).await;
    shop.disk.fill();
    load.refused(1).await;

    let failed = process::failure(&mut shop.rebuild()).await;
    assert!(failed.contains("No space left on device"), "{failed}");
    for path in [format!("/products/{}", shop.product), "/orders".to_owned()] {
        let query = shop.customer.request(Method::GET, &path);
        assert_eq!(shop.customer.status(query).await, 200, "{path}");
    }
    let taken = tell_until_refused(&shop.customer).await;
    let halted: i64 =
        query_scalar("select count(*) from projections.checkpoints where state <> 'live'")
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    assert_eq!(halted, 0, "a full disk is no event's fault");

    shop.disk.free();
    load.acknowledged(50).await;
    let rebuilt = process::run(&mut shop.rebuild()).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let told: i64 = query_scalar("select count(*) from usage.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(told, taken, "usage events that were accepted");
    judge(&shop.pool, &load.end().await).await;
    assert!(shop.server.stop().await.success());
}

/// Sends usage events until there is no room for them; returns how many were accepted.
async fn tell_until_refused(visitor: &Visitor) -> i64 {
    let mut accepted = 0;
    loop {
        let event = || {
            json!({
                "eventId": Uuid::now_v7(), "timestamp": Utc::now(), "sessionId": "a visit",
                "eventType": "page_view", "eventData": {},
            })
        };
        let batch = Vec::from_iter((0..500).map(|_| event()));
        let told = visitor
            .request(Method::POST, "/analytics/events")
            .json(&batch);
        let answer = told.send().await.unwrap();
        if answer.status() == 503 {
            return accepted;
        }
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        accepted += answer["accepted"].as_i64().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_a_server_can_be_stopped_and_with_room_it_is_started_again() {
    let test = "full_disk::without_room_a_server_can_be_stopped_and_with_room_it_is_started_again";
    let Some(disk) = SmallDisk::enter(test) else {
        return;
    };
    let shop = Shop::open(disk).await;
    let load = Load::start(&shop.customer, &shop.product);
    load.acknowledged(50).await;
    shop.disk.fill();
    load.refused(1).await;
    // No client was promised the commands that it could not write.
    assert!(shop.server.stop().await.success());
    shop.disk.free();
    let server = Server::start_command(&mut serve(shop.disk.path(), &shop.listen)).await;
    load.acknowledged(50).await;
    judge(&shop.pool, &load.end().await).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_its_own_log_postgres_ends_and_with_room_it_is_back() {
    let test = "full_disk::without_room_for_its_own_log_postgres_ends_and_with_room_it_is_back";
    let Some(disk) = SmallDisk::enter(test) else {
        return;
    };
    let mut shop = Shop::open(disk).await;
    let load = Load::start(&shop.customer, &shop.product);
    load.acknowledged(50).await;
    shop.disk.fill();
    // Switches to the next file, for which there is no room.
    eventually("PostgreSQL needs a new file", async || {
        let switched = sqlx::query("select pg_switch_wal()");
        switched.execute(&shop.pool).await.is_err()
    })
    .await;
    shop.server.logs("the private PostgreSQL has ended").await;
    load.refused(50).await;
    let query = shop.customer.request(Method::GET, "/products");
    assert_eq!(shop.customer.status(query).await, 503);

    shop.disk.free();
    load.acknowledged(50).await;
    judge(&shop.pool, &load.end().await).await;
    assert!(shop.server.stop().await.success());
}
