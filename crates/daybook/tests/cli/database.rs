//! Databases that are given: how a start prepares them, and which it refuses.

use std::path::Path;

use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig, StopMode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::postgres::PgListener;
use sqlx::{Executor, PgPool, query_scalar};
use tokio::process::Command;

use crate::process::{Server, daybook, failure, folder, run};

/// `serve` with a single URL.
fn serve(folder: &Path, url: &str) -> Command {
    let mut command = daybook(folder);
    command.arg("serve").env("DATABASE_URL", url);
    command
}

/// A command with the URL of each role.
fn daybook_on(database: &TestDatabase, folder: &Path) -> Command {
    let mut command = daybook(folder);
    command
        .env("DATABASE_URL", database.server_url())
        .env("DATABASE_MIGRATION_URL", database.migration_url());
    command
}

fn seed(folder: &Path, database: &TestDatabase) -> Command {
    let mut command = daybook_on(database, folder);
    command.arg("seed");
    command
}

async fn streams(pool: &PgPool, aggregate_type: &str) -> i64 {
    query_scalar("select count(*) from log.events where aggregate_type = $1 and sequence = 1")
        .bind(aggregate_type)
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn head(pool: &PgPool) -> i64 {
    query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn nobody_there_is_told_without_the_password() {
    let folder = folder();
    let told = failure(&mut serve(
        folder.path(),
        "postgres://shop:open-sesame@127.0.0.1:1/shop",
    ))
    .await;
    assert!(
        told.contains("127.0.0.1:1/shop cannot be reached"),
        "{told}"
    );
    assert!(
        told.ends_with(
            "start it, mend DATABASE_URL, or unset DATABASE_URL to use a private server"
        ),
        "{told}"
    );
    assert!(!told.contains("sesame"), "{told}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_at_once() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let url = database
        .server_url()
        .replace(database.name(), "no_such_database");
    let folder = folder();
    let told = failure(&mut serve(folder.path(), &url)).await;
    assert!(told.contains("no_such_database"), "{told}");
    assert!(
        told.contains("mend the user, password or database"),
        "{told}"
    );
    let told = failure(&mut serve(folder.path(), "not a url")).await;
    assert!(
        told.starts_with("daybook: DATABASE_URL cannot be used"),
        "{told}"
    );
}

#[tokio::test]
async fn a_database_of_a_newer_daybook_is_left_alone() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let owner = database.migration_pool().unwrap();
    owner
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (99990101, 'from the future', true, '', 0)",
        )
        .await
        .unwrap();
    let folder = folder();
    for command in ["serve", "migrate", "seed"] {
        let told = failure(daybook_on(&database, folder.path()).arg(command)).await;
        assert!(
            told.contains("migration 99990101, which this binary does not know"),
            "{command}: {told}"
        );
        assert!(
            told.ends_with("run the newer Daybook that this database was migrated by"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_postgresql_that_forgets_is_refused() {
    for setting in ["fsync", "full_page_writes"] {
        let (postgres, shop) = (folder(), folder());
        let config = PrivateServerConfig::new(postgres.path())
            .durability(Durability::FastForTests)
            .setting(setting, "off");
        let server = PrivateServer::start(config).await.unwrap();
        let told = failure(&mut serve(shop.path(), &server.server_url())).await;
        assert!(told.contains(&format!("{setting} = off")), "{told}");
        assert!(
            told.ends_with("switch it on in postgresql.conf and reload PostgreSQL"),
            "{told}"
        );
        server.stop(StopMode::Immediate).await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused_before_anything_is_made_in_it() {
    let database = TestDatabase::empty().await.unwrap();
    let superuser = database.superuser_pool().unwrap();
    let latin = format!("{}_latin1", database.name());
    let create = format!(
        "create database {latin} encoding LATIN1 lc_collate 'C' lc_ctype 'C' template template0"
    );
    superuser.execute(create.as_str()).await.unwrap();
    let shop = folder();
    let url = database.migration_url().replace(database.name(), &latin);
    let told = failure(&mut serve(shop.path(), &url)).await;
    assert!(told.contains("stores text as LATIN1"), "{told}");
    assert!(told.contains("encoding 'UTF8'"), "{told}");
    let drop = format!("drop database {latin}");
    superuser.execute(drop.as_str()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_may_not_migrate_starts_on_what_was_migrated_for_it() {
    let database = TestDatabase::empty().await.unwrap();
    let folder = folder();
    let told = failure(&mut serve(folder.path(), &database.server_url())).await;
    assert!(told.contains("could not be migrated"), "{told}");

    let migrated = run(daybook_on(&database, folder.path()).arg("migrate")).await;
    assert!(migrated.status.success(), "{migrated:?}");
    let server = Server::start_command(&mut serve(folder.path(), &database.server_url())).await;
    let ready = server.url.replace("/api/v1", "/readyz");
    assert_eq!(reqwest::get(ready).await.unwrap().status(), 200);
    let products = reqwest::get(server.url_of("/products")).await.unwrap();
    assert_eq!(
        products.headers()["x-total-count"],
        "0",
        "a given database gets no demo unasked"
    );
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn one_url_is_enough_where_its_role_may_do_everything() {
    let database = TestDatabase::empty().await.unwrap();
    let folder = folder();
    for _ in 0..2 {
        let server =
            Server::start_command(&mut serve(folder.path(), &database.migration_url())).await;
        assert!(server.stop().await.success());
    }
}

#[tokio::test]
async fn of_two_servers_that_start_at_once_on_a_new_database_both_open_with_one_admin() {
    let database = TestDatabase::empty().await.unwrap();
    let folder = folder();
    let start = || async {
        let mut command = daybook_on(&database, folder.path());
        command
            .arg("serve")
            .env("DAYBOOK_ADMIN_EMAIL", "owner@shop.example")
            .env("DAYBOOK_ADMIN_PASSWORD", "a password of ours");
        Server::start_command(&mut command).await
    };
    let (one, other) = tokio::join!(start(), start());
    let token = one
        .sign_in("owner@shop.example", "a password of ours")
        .await;
    let users = reqwest::Client::new()
        .get(other.url_of("/users"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(users.status(), 200, "they share the key that signs tokens");
    assert_eq!(
        streams(&database.superuser_pool().unwrap(), "user").await,
        1
    );
    assert!(one.stop().await.success());
    assert!(other.stop().await.success());
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let (first, second) = (folder(), folder());
    assert!(
        run(&mut seed(first.path(), &database))
            .await
            .status
            .success()
    );
    let told = failure(&mut seed(second.path(), &database)).await;
    assert!(
        told.contains("the master key is not the one that this database was made with"),
        "{told}"
    );
    let told = failure(daybook_on(&database, second.path()).arg("serve")).await;
    assert!(
        told.contains("set DAYBOOK_MASTER_KEY to that key"),
        "{told}"
    );
    let key = std::fs::read_to_string(first.path().join("data/keys/master.key")).unwrap();
    let mut command = seed(second.path(), &database);
    assert!(
        run(command.env("DAYBOOK_MASTER_KEY", key))
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn seeding_does_its_work_once_and_the_rest_after_an_interruption() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = database.superuser_pool().unwrap();
    let folder = folder();

    // Killed while it creates the products, and again while it places the orders.
    for position in [60, 300] {
        let mut appended = PgListener::connect_with(&pool).await.unwrap();
        appended.listen(daybook_log::LOG_CHANNEL).await.unwrap();
        let mut seeding = seed(folder.path(), &database).spawn().unwrap();
        let reached = async {
            while appended
                .recv()
                .await
                .unwrap()
                .payload()
                .parse::<i64>()
                .unwrap()
                < position
            {}
        };
        tokio::select! {
            () = reached => {}
            ended = seeding.wait() => panic!("it was to be interrupted: {ended:?}"),
        }
        seeding.kill().await.unwrap();
    }
    assert!(
        streams(&pool, "order").await < 50,
        "it was to be interrupted"
    );

    let done = run(&mut seed(folder.path(), &database)).await;
    assert!(done.status.success(), "{done:?}");
    for (aggregate_type, count) in [("category", 8), ("product", 60), ("user", 6), ("order", 50)] {
        assert_eq!(
            streams(&pool, aggregate_type).await,
            count,
            "{aggregate_type}"
        );
    }
    let by_status: Vec<(String, i64)> = sqlx::query_as(
        "select last, count(*) from (
             select distinct on (aggregate_id) event_type as last from log.events
             where aggregate_type = 'order' order by aggregate_id, sequence desc) orders
         group by last order by last",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let expected = [
        ("order.cancelled", 7),
        ("order.delivered", 22),
        ("order.placed", 6),
        ("order.processed", 7),
        ("order.shipped", 8),
    ];
    assert_eq!(
        by_status,
        expected.map(|(last, count)| (last.to_owned(), count))
    );

    let before = head(&pool).await;
    let again = run(&mut seed(folder.path(), &database)).await;
    assert!(
        String::from_utf8(again.stdout)
            .unwrap()
            .contains("there already")
    );
    assert_eq!(head(&pool).await, before, "a second run appends nothing");
}

#[tokio::test]
async fn roles_can_be_processes_of_their_own() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let folder = folder();
    let api = Server::start_command(
        daybook_on(&database, folder.path())
            .args(["serve", "--role", "api"])
            .env("DAYBOOK_ADMIN_EMAIL", "owner@shop.example")
            .env("DAYBOOK_ADMIN_PASSWORD", "a password of ours"),
    )
    .await;
    let admin = api
        .sign_in("owner@shop.example", "a password of ours")
        .await;
    let client = reqwest::Client::new();
    let product = json!({ "name": "Seen by a projector", "price": 1 });
    let request = client
        .post(api.url_of("/products"))
        .bearer_auth(admin)
        .json(&product);
    let (product, position) = api.ask(request).await;
    let path = format!("/products/{}", product["id"].as_str().unwrap());
    let query = client
        .get(api.url_of(&path))
        .header("daybook-min-position", position.unwrap());
    let behind = query.try_clone().unwrap().send().await.unwrap();
    assert_eq!(behind.status(), 503, "nobody projects yet");

    let mut projector = daybook_on(&database, folder.path())
        .args(["serve", "--role", "projector"])
        .spawn()
        .unwrap();
    let (seen, _) = api.ask(query).await;
    assert_eq!(seen, product);
    let pid = Pid::from_raw(projector.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(projector.wait().await.unwrap().success());
    assert!(api.stop().await.success());
}
