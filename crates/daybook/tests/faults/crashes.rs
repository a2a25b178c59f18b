//! `kill -9` of the server and of PostgreSQL, under load, again and again.

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;

use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Site, Visitor, free_address, serve};

const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_the_server() {
    let site = Site::new().await;
    let listen = free_address();
    let mut server = site.open(&listen).await;
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let customer = Visitor::customer(&server).await;
    let load = Load::start(&customer, &product);
    for _ in 0..KILLS {
        load.acknowledged(50).await;
        server.kill().await;
        server = site.open(&listen).await;
    }
    load.acknowledged(50).await;
    let orders = load.end().await;
    println!(
        "{} orders were acknowledged over {KILLS} deaths of the server",
        orders.len()
    );
    judge(&site.database.superuser_pool().unwrap(), &orders).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_postgres_and_the_server_comes_back_by_itself()
{
    let folder = process::folder();
    let config =
        PrivateServerConfig::new(folder.path().join("postgres")).durability(Durability::Durable);
    let mut postgres = PrivateServer::start(config).await.unwrap();
    let mut command = serve(
        folder.path(),
        &postgres.server_url(),
        &postgres.migration_url(),
        "127.0.0.1:0",
    );
    let server = Server::start_command(&mut command).await;
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let customer = Visitor::customer(&server).await;
    let load = Load::start(&customer, &product);
    for _ in 0..KILLS {
        load.acknowledged(50).await;
        // The signal of `pg_ctl stop -m immediate`: no checkpoint, connections are dropped.
        kill_process(Pid::from_raw(postgres.pid()).unwrap(), Signal::QUIT).unwrap();
        postgres.exited().await;
        postgres.restart().await.unwrap();
    }
    load.acknowledged(50).await;
    let orders = load.end().await;
    println!(
        "{} orders were acknowledged over {KILLS} deaths of PostgreSQL",
        orders.len()
    );
    let pool = PgPool::connect(&postgres.url("daybook")).await.unwrap();
    judge(&pool, &orders).await;
    assert!(server.stop().await.success());
}
