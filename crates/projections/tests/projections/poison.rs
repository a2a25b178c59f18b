//! An event that cannot be projected stops the projectors that it concerns, and no others.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use daybook_domain::{OrderId, ProductId};
use daybook_projections::{
    ProjectionState, ProjectorConfig, projection::Projection, runtime::run_projections, status,
};
use tokio_util::sync::CancellationToken;

use crate::{
    shop::{Shop, eur, eventually, id, product_created, quick, stock_received},
    tally::Tally,
};

async fn run_until(shop: &Shop, tally: &Tally, what: &str, condition: impl AsyncFnMut() -> bool) {
    let shutdown = CancellationToken::new();
    let projections: Vec<Arc<dyn Projection>> = vec![Arc::new(tally.clone())];
    let config = ProjectorConfig {
        batch_size: 8,
        ..quick()
    };
    let running = tokio::spawn(run_projections(
        projections,
        shop.feed(),
        shop.pool.clone(),
        config,
        shutdown.clone(),
    ));
    eventually(what, condition).await;
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_undecodable_event_halts_only_the_projector_that_it_concerns() {
    let mut shop = Shop::open().await;
    shop.append([stock_received(id(), 1)]).await;
    let stream = format!("order/{}", id::<OrderId>());
    let poison = shop
        .append_raw(
            &stream,
            "order.teleported",
            r#"{"type": "order.teleported"}"#,
        )
        .await;
    let product: ProductId = id();
    let last = shop
        .append([
            product_created(product, "Lamp", eur(1_250), None),
            stock_received(product, 3),
        ])
        .await;

    let serving = shop.serve();
    for name in ["catalog", "users"] {
        serving
            .read_models
            .wait_for(name, last, crate::shop::LONG)
            .await
            .unwrap();
    }
    assert_eq!(
        serving
            .read_models
            .catalog()
            .get_product(product)
            .await
            .unwrap()
            .unwrap()
            .product
            .stock,
        3
    );
    let orders = async || {
        let statuses = status(&shop.pool, &shop.feed()).await.unwrap();
        statuses
            .into_iter()
            .find(|status| status.name == "orders")
            .unwrap()
    };
    eventually("the orders' projector halts", async || {
        orders().await.state == ProjectionState::Halted
    })
    .await;
    let orders = orders().await;
    assert_eq!(
        (orders.position, orders.lag_events),
        (poison - 1, last - poison + 1)
    );
    assert!(orders.lag_seconds > 0.0);
    assert!(orders.worker.is_some());
    let error = orders.error.unwrap();
    assert_eq!(error["position"], poison);
    assert_eq!(error["stream"], stream);
    assert_eq!(error["eventType"], "order.teleported");
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("order.teleported"),
        "{error}"
    );
    serving.stop().await;
}

#[tokio::test]
async fn an_aggregate_of_a_later_version_concerns_nobody() {
    let mut shop = Shop::open().await;
    shop.append_raw(
        "spaceship/1",
        "spaceship.launched",
        r#"{"type": "spaceship.launched"}"#,
    )
    .await;
    let last = shop.append([stock_received(id(), 1)]).await;
    let serving = shop.serve();
    serving.reach(last).await;
    serving.stop().await;
}

#[tokio::test]
async fn what_comes_before_an_unfoldable_event_is_projected_and_a_restart_tries_again() {
    let mut shop = Shop::open().await;
    for _ in 0..20 {
        shop.append([stock_received(id(), 1)]).await;
    }
    let tally = Tally::create(&shop).await;
    tally.unfoldable.store(13, SeqCst);
    run_until(&shop, &tally, "a halt", async || {
        Tally::state(&shop.pool).await.1 == "halted"
    })
    .await;
    let (position, _, error) = Tally::state(&shop.pool).await;
    assert_eq!(position, 12);
    assert_eq!(error.unwrap()["position"], 13);
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=12));

    tally.unfoldable.store(0, SeqCst);
    run_until(&shop, &tally, "the end", async || {
        Tally::state(&shop.pool).await.0 == 20
    })
    .await;
    assert_eq!(
        Tally::state(&shop.pool).await,
        (20, "live".to_owned(), None)
    );
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_found_by_halving() {
    let mut shop = Shop::open().await;
    for _ in 0..20 {
        shop.append([stock_received(id(), 1)]).await;
    }
    let tally = Tally::create(&shop).await;
    tally.refused.store(14, SeqCst);
    run_until(&shop, &tally, "a halt", async || {
        Tally::state(&shop.pool).await.1 == "halted"
    })
    .await;
    let (position, _, error) = Tally::state(&shop.pool).await;
    let error = error.unwrap();
    assert_eq!((position, &error["position"]), (13, &serde_json::json!(14)));
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("division by zero"),
        "{error}"
    );
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=13));
}

#[tokio::test]
async fn a_halted_projector_goes_on_when_an_operator_says_so() {
    let mut shop = Shop::open().await;
    let last = shop
        .append([stock_received(id(), 1), stock_received(id(), 2)])
        .await;
    let tally = Tally::create(&shop).await;
    tally.unfoldable.store(2, SeqCst);
    let mut told = false;
    run_until(&shop, &tally, "the end", async || {
        let (position, state, _) = Tally::state(&shop.pool).await;
        if state == "halted" && !told {
            told = true;
            tally.unfoldable.store(0, SeqCst);
            sqlx::query("update projections.checkpoints set state = 'live', error = null where name = 'tally'")
                .execute(&shop.pool)
                .await
                .unwrap();
        }
        position == last
    })
    .await;
    assert!(told);
}
