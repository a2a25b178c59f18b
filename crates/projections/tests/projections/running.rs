//! Projectors at work: in time, taking turns, and through a database that comes and goes.

use std::time::Duration;

use daybook_projections::{ProjectionState, ProjectorConfig, registry, status};

use crate::{
    history::History,
    oracle,
    shop::{Shop, eur, eventually, id, product_created, quick},
};

const LIVE: [&str; 3] = ["catalog", "orders", "users"];

#[tokio::test]
async fn what_is_appended_is_projected_by_notification() {
    let mut shop = Shop::open().await;
    // With a poll this slow only a notification can wake the projectors in time.
    let serving = shop.serve_with(ProjectorConfig {
        poll_interval: Duration::from_secs(3_600),
        ..ProjectorConfig::default()
    });
    for _ in 0..5 {
        let product = id();
        let position = shop
            .append([product_created(product, "Lamp", eur(1_250), None)])
            .await;
        serving.reach(position).await;
        assert!(
            serving
                .read_models
                .catalog()
                .get_product(product)
                .await
                .unwrap()
                .is_some()
        );
    }
    serving.stop().await;
}

#[tokio::test]
async fn what_was_appended_before_is_caught_up_with() {
    let mut shop = Shop::open().await;
    let mut last = 0;
    for step in History::new(3).steps(100) {
        last = shop.append(step).await;
    }
    for before in status(&shop.pool, &shop.feed()).await.unwrap() {
        assert_eq!(
            (before.state, before.lag_events),
            (ProjectionState::CatchingUp, last)
        );
        assert_eq!(before.worker, None);
    }
    let serving = shop.serve();
    serving.reach(last).await;
    for after in status(&shop.pool, &shop.feed()).await.unwrap() {
        assert_eq!(
            (after.state, after.position, after.head),
            (ProjectionState::Live, last, last)
        );
        assert_eq!((after.lag_events, after.lag_seconds), (0, 0.0));
        assert!(after.worker.is_some());
    }
    serving.stop().await;
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}

#[tokio::test]
async fn two_processes_take_turns() {
    let mut shop = Shop::open().await;
    // Too long to expire while the machine is busy: turns change at shutdown only.
    let patient = || ProjectorConfig {
        lease_ttl: Duration::from_secs(60),
        ..quick()
    };
    let first = shop.serve_with(patient());
    let mut history = History::new(5);
    let mut last = 0;
    for step in history.steps(30) {
        last = shop.append(step).await;
    }
    first.reach(last).await;
    let second = shop.serve_with(patient());
    for step in history.steps(30) {
        last = shop.append(step).await;
    }
    // A process that does not project hears of it, too.
    second.reach(last).await;
    let takeovers: Vec<i64> = sqlx::query_scalar("select fencing from projections.leases")
        .fetch_all(&shop.pool)
        .await
        .unwrap();
    assert_eq!(takeovers, vec![1; registry().len()]);

    first.stop().await;
    for step in history.steps(30) {
        last = shop.append(step).await;
    }
    second.reach(last).await;
    second.stop().await;
    let held: i64 = sqlx::query_scalar(
        "select count(*) from projections.leases where expires_at > clock_timestamp()",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!(held, 0, "leases are let go of at shutdown");
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}

#[tokio::test]
async fn broken_connections_are_survived() {
    let mut shop = Shop::open().await;
    let superuser = shop.database.superuser_pool().unwrap();
    let serving = shop.serve_with(ProjectorConfig {
        batch_size: 5,
        ..quick()
    });
    let mut last = 0;
    for step in History::new(8).steps(120) {
        last = shop.append(step).await;
        if last % 10 == 0 {
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and usename = 'daybook'",
            )
            .execute(&superuser)
            .await
            .unwrap();
            // The pool hands out connections that it believes to be alive; appending is not what is
            // tested here.
            eventually("a connection", async || {
                sqlx::query("select 1").execute(&shop.pool).await.is_ok()
            })
            .await;
        }
    }
    serving.reach(last).await;
    serving.stop().await;
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}
