//! Operators pause projectors, resume them, and empty read models; every worker notices at once.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use daybook_domain::ProductId;
use daybook_projections::{
    Paging, ProjectionState, ProjectionStatus, ProjectorConfig,
    operate::{self, OperateError, Operator, Reason},
    projection::Projection,
    rebuild::BuildError,
    registry::projection,
    runtime::{Checkpoint, run_projections},
    status_of,
};
use sqlx::Executor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    history::History,
    oracle,
    shop::{LONG, Shop, eur, eventually, id, product_created, stock_received},
    tally::{Stall, Tally},
};

const LIVE: [&str; 3] = ["catalog", "orders", "users"];

/// With a poll this slow only a notification can wake a worker in time.
fn patient() -> ProjectorConfig {
    ProjectorConfig {
        poll_interval: Duration::from_secs(3_600),
        ..ProjectorConfig::default()
    }
}

fn ann() -> Operator {
    Operator::of_system("ann")
}

async fn status(shop: &Shop, name: &str) -> ProjectionStatus {
    let found = status_of(&shop.pool, &shop.feed(), name).await.unwrap();
    found.unwrap()
}

fn run(shop: &Shop, tally: &Tally, shutdown: &CancellationToken) -> JoinHandle<()> {
    let projections: Vec<Arc<dyn Projection>> = vec![Arc::new(tally.clone())];
    let (feed, pool) = (shop.feed(), shop.pool.clone());
    tokio::spawn(run_projections(
        projections,
        feed,
        pool,
        patient(),
        shutdown.clone(),
    ))
}

#[tokio::test]
async fn a_paused_read_model_stays_as_it_is_until_it_is_resumed() {
    let mut shop = Shop::open().await;
    let serving = shop.serve_with(patient());
    let catalog = projection("catalog").unwrap();
    let product: ProductId = id();
    let made = shop
        .append([product_created(product, "Lamp", eur(1_250), None)])
        .await;
    serving.reach(made).await;

    let why: Reason = "maintenance".parse().unwrap();
    operate::pause(&shop.pool, &*catalog, &ann(), Some(&why))
        .await
        .unwrap();
    let last = shop.append([stock_received(product, 3)]).await;
    let others = &serving.read_models;
    others.wait_for("analytics", last, LONG).await.unwrap();
    let paused = status(&shop, "catalog").await;
    assert_eq!(
        (paused.state, paused.position, paused.lag_events),
        (ProjectionState::Paused, made, 1)
    );
    let seen = others.catalog().get_product(product).await.unwrap();
    assert_eq!(
        seen.unwrap().product.stock,
        0,
        "it is answered from as it is"
    );

    // A worker that takes over leaves it paused.
    serving.stop().await;
    let serving = shop.serve_with(patient());
    eventually("a takeover", async || {
        status(&shop, "catalog").await.worker.is_some()
    })
    .await;
    let last = shop.append([stock_received(product, 4)]).await;
    let others = &serving.read_models;
    others.wait_for("analytics", last, LONG).await.unwrap();
    assert_eq!(status(&shop, "catalog").await.position, made);

    let again = operate::pause(&shop.pool, &*catalog, &ann(), None).await;
    assert_eq!(
        again.unwrap_err().to_string(),
        "catalog is paused, not live"
    );
    operate::resume(&shop.pool, &*catalog, &ann(), None)
        .await
        .unwrap();
    serving.reach(last).await;
    let seen = serving.read_models.catalog().get_product(product).await;
    assert_eq!(seen.unwrap().unwrap().product.stock, 7);
    let again = operate::resume(&shop.pool, &*catalog, &ann(), None).await;
    assert_eq!(
        again.unwrap_err().to_string(),
        "catalog is live, not paused"
    );
    serving.stop().await;

    let paging = Paging::page(1, 10);
    let done = operate::actions(&shop.pool, Some("catalog"), &paging)
        .await
        .unwrap();
    let told: Vec<_> = done
        .items
        .iter()
        .map(|one| (&*one.actor, &*one.action, one.detail.0["reason"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("cli:ann", "resume", None),
            ("cli:ann", "pause", Some("maintenance"))
        ]
    );
}

#[tokio::test]
async fn a_batch_that_is_under_way_when_it_is_paused_leaves_nothing_behind() {
    let mut shop = Shop::open().await;
    let last = shop
        .append([stock_received(id(), 1), stock_received(id(), 2)])
        .await;
    let stall = Stall::new();
    let tally = Tally::create(&shop).await.stalling(&stall);
    let shutdown = CancellationToken::new();
    let running = run(&shop, &tally, &shutdown);
    // Its rows are written, its checkpoint isn't.
    stall.reached.acquire().await.unwrap().forget();
    operate::pause(&shop.pool, &tally, &ann(), None)
        .await
        .unwrap();
    stall.go_on.add_permits(1);
    eventually("the batch's end", async || {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks where relation = 'tally.seen'::regclass",
        )
        .fetch_one(&shop.pool)
        .await
        .unwrap();
        open == 0
    })
    .await;
    assert_eq!(
        Tally::state(&shop.pool).await,
        (0, "paused".to_owned(), None)
    );
    assert_eq!(Tally::seen(&shop.pool).await, [0; 0]);

    stall.go_on.add_permits(10);
    operate::resume(&shop.pool, &tally, &ann(), None)
        .await
        .unwrap();
    eventually("the end", async || Tally::state(&shop.pool).await.0 == last).await;
    assert_eq!(Tally::seen(&shop.pool).await, [1, 2]);
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_halted_projector_tries_again_when_it_is_told_to() {
    let mut shop = Shop::open().await;
    let last = shop
        .append([stock_received(id(), 1), stock_received(id(), 2)])
        .await;
    let tally = Tally::create(&shop).await;
    tally.unfoldable.store(2, SeqCst);
    let shutdown = CancellationToken::new();
    let running = run(&shop, &tally, &shutdown);
    let halted = async || Tally::state(&shop.pool).await.1 == "halted";
    eventually("a halt", halted).await;
    let paused = operate::pause(&shop.pool, &tally, &ann(), None).await;
    assert!(
        matches!(paused, Err(OperateError::WrongState { .. })),
        "{paused:?}"
    );

    operate::retry(&shop.pool, &tally, &ann(), None)
        .await
        .unwrap();
    eventually("another halt", halted).await;
    assert_eq!(Tally::seen(&shop.pool).await, [1]);
    tally.unfoldable.store(0, SeqCst);
    operate::retry(&shop.pool, &tally, &ann(), None)
        .await
        .unwrap();
    eventually("the end", async || {
        Tally::state(&shop.pool).await == (last, "live".to_owned(), None)
    })
    .await;
    let retried = operate::retry(&shop.pool, &tally, &ann(), None).await;
    assert!(
        matches!(retried, Err(OperateError::WrongState { .. })),
        "{retried:?}"
    );
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_read_model_that_is_reset_fills_again_while_events_come_in() {
    let mut shop = Shop::open().await;
    let mut history = History::new(11);
    let mut last = 0;
    for step in history.steps(200) {
        last = shop.append(step).await;
    }
    let serving = shop.serve_with(patient());
    serving.reach(last).await;
    for name in ["catalog", "analytics"] {
        let projection = projection(name).unwrap();
        let before = Checkpoint::load(&shop.pool, &*projection).await.unwrap();
        operate::reset(&shop.pool, &*projection, &ann(), None)
            .await
            .unwrap();
        for step in history.steps(20) {
            last = shop.append(step).await;
        }
        eventually("the new rows", async || {
            let now = Checkpoint::load(&shop.pool, &*projection).await.unwrap();
            (now.generation, now.position) == (before.generation + 1, last)
        })
        .await;
    }
    // A query that waits for a position waits for the new rows.
    serving.reach(last).await;
    serving.stop().await;
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}

#[tokio::test]
async fn nobody_empties_what_is_being_compared() {
    let shop = Shop::open().await;
    let catalog = projection("catalog").unwrap();
    let mut builder = shop.pool.acquire().await.unwrap();
    builder
        .execute("select pg_advisory_lock(491901202, hashtext('catalog'))")
        .await
        .unwrap();
    let refused = operate::reset(&shop.pool, &*catalog, &ann(), None).await;
    assert!(
        matches!(
            refused,
            Err(OperateError::Build(BuildError::BeingBuilt { .. }))
        ),
        "{refused:?}"
    );
    builder
        .execute("select pg_advisory_unlock_all()")
        .await
        .unwrap();
    operate::reset(&shop.pool, &*catalog, &ann(), None)
        .await
        .unwrap();
}
