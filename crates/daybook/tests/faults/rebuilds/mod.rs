//! Rebuilding while orders come in, while somebody else rebuilds, and with builders that are killed or frozen on the
//! way.

mod shop;

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{PgPool, query_scalar};

use self::shop::{HoldPoint, Reader, Rebuild, Shop};
use crate::evidence;
use crate::fold::PROJECTIONS;
use crate::gate::Gate;
use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Visitor, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_are_rebuilt_while_orders_come_in_and_are_read() {
    let shop = Shop::open().await;
    let reader = Reader::start(&shop.customer, &shop.product);
    let history = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/orders.csv");
    let mut import = shop.site.daybook(&["import", "orders", history]);
    import.args(["--currency", "DKK", "--columns", "description=Text"]);
    let (imported, ()) = tokio::join!(process::run(&mut import), shop.rebuild("--all"));
    assert!(imported.status.success(), "{imported:?}");
    for _ in 0..2 {
        shop.load.acknowledged(100).await;
        shop.rebuild("--all").await;
    }
    let kept: i64 = query_scalar("select count(*) from projections.previous")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(kept, PROJECTIONS.len() as i64);
    assert_eq!(shop.switches().await, 3);
    assert!(reader.end().await > 0);
    shop.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rebuilds_one_is_turned_away() {
    let shop = Shop::open().await;
    let (first, gate) = shop.rebuild_held_at(HoldPoint::Reading).await;
    let mut second = shop.site.daybook(&["projections", "rebuild", "orders"]);
    let refusal = process::failure(&mut second).await;
    assert!(refusal.contains("is being built (rebuild) by"), "{refusal}");
    gate.open().await;
    let first = first.ended().await;
    assert!(first.status.success(), "{first:?}");
    assert_eq!(shop.switches().await, 1);
    shop.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_killed_leaves_the_live_rows_alone_and_the_next_one_starts_clean() {
    let shop = Shop::open().await;
    for place in [HoldPoint::Reading, HoldPoint::Switching] {
        let (killed, gate) = shop.rebuild_held_at(place).await;
        killed.signal(Signal::KILL);
        assert!(!killed.ended().await.status.success());
        gate.open().await;
        shop.load.acknowledged(50).await;
        evidence::reach(&shop.pool, &PROJECTIONS, evidence::head(&shop.pool).await).await;
        assert_eq!(shop.switches().await, 0);
    }
    shop.rebuild("orders").await;
    assert_eq!(shop.switches().await, 1);
    shop.judged().await;
}

/// Like a projector, a builder may be suspended, and taken for dead, before it continues.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_rebuild_that_was_followed_by_another_changes_nothing_when_it_is_thawed() {
    let shop = Shop::open().await;
    let (frozen, gate) = shop.rebuild_held_at(HoldPoint::Reading).await;
    frozen.signal(Signal::STOP);
    // Ends the session with its lock; the sessions that read and write stay.
    let ended: bool = query_scalar(
        "select pg_terminate_backend(session_pid, 10000) from projections.builds where name = 'orders'",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert!(ended);
    gate.open().await;
    shop.rebuild("orders").await;
    frozen.signal(Signal::CONT);
    let thawed = frozen.ended().await;
    assert!(!thawed.status.success(), "{thawed:?}");
    assert_eq!(shop.switches().await, 1);
    shop.judged().await;
}

/// A builder that is frozen during the switch holds locks that the projector needs, but not for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_frozen_at_the_switch_does_not_stop_the_projector() {
    let shop = Shop::open().await;
    let (frozen, gate) = shop.rebuild_held_at(HoldPoint::Switching).await;
    frozen.signal(Signal::STOP);
    gate.open().await;
    shop.load.acknowledged(50).await;
    evidence::reach(&shop.pool, &PROJECTIONS, evidence::head(&shop.pool).await).await;
    frozen.signal(Signal::CONT);
    let thawed = frozen.ended().await;
    assert!(!thawed.status.success(), "{thawed:?}");
    assert_eq!(shop.switches().await, 0);
    shop.rebuild("orders").await;
    shop.judged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_database_dies_fails_and_the_next_one_succeeds() {
    let folder = process::folder();
    let config =
        PrivateServerConfig::new(folder.path().join("postgres")).durability(Durability::Durable);
    let mut postgres = PrivateServer::start(config).await.unwrap();
    let (url, migration) = (postgres.server_url(), postgres.migration_url());
    let server =
        Server::start_command(&mut serve(folder.path(), &url, &migration, "127.0.0.1:0")).await;
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let load = Load::start(&Visitor::customer(&server).await, &product);
    load.acknowledged(50).await;
    let pool = PgPool::connect(&postgres.url("daybook")).await.unwrap();

    let rebuild = || {
        let mut command = process::daybook(folder.path());
        command
            .args(["projections", "rebuild", "--all"])
            .env("DATABASE_URL", &url);
        command
    };
    let lock = "lock table log.person_keys in access exclusive mode";
    let gate = Gate::close(&postgres.url("daybook"), lock).await;
    let struck = Rebuild::start(rebuild());
    evidence::eventually("the builder waits", async || {
        !gate.waiting(&pool).await.is_empty()
    })
    .await;
    kill_process(Pid::from_raw(postgres.pid()).unwrap(), Signal::QUIT).unwrap();
    postgres.exited().await;
    let struck = struck.ended().await;
    assert_eq!(struck.status.code(), Some(1), "{struck:?}");
    postgres.restart().await.unwrap();
    load.acknowledged(50).await;
    let next = process::run(&mut rebuild()).await;
    assert!(next.status.success(), "{next:?}");
    judge(&pool, &load.end().await).await;
    assert!(server.stop().await.success());
}
