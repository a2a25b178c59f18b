//! Rows that another version of the projection made: older ones are rebuilt automatically, newer ones are
//! left alone.

use daybook_projections::{
    ProjectionState, ProjectionStatus,
    operate::{self, Operator},
    registry::projection,
    status_of,
};

use crate::{
    history::History,
    oracle,
    shop::{LONG, Shop, eventually},
};

async fn catalog(shop: &Shop) -> ProjectionStatus {
    let found = status_of(&shop.pool, &shop.feed(), "catalog")
        .await
        .unwrap();
    found.unwrap()
}

async fn pretend_version(shop: &Shop, version: i32) {
    sqlx::query("update projections.checkpoints set version = $1 where name = 'catalog'")
        .bind(version)
        .execute(&shop.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn older_rows_are_made_anew_and_kept_for_a_rollback() {
    let mut shop = Shop::open().await;
    let mut history = History::new(21);
    let mut last = 0;
    for step in history.steps(100) {
        last = shop.append(step).await;
    }
    let serving = shop.serve();
    serving.reach(last).await;
    serving.stop().await;
    pretend_version(&shop, 0).await;
    // Rows that no event makes, as an earlier version's may be.
    sqlx::query("update catalog.products set description = 'as it was'")
        .execute(&shop.pool)
        .await
        .unwrap();
    assert_eq!(catalog(&shop).await.state, ProjectionState::Outdated);

    let serving = shop.serve();
    for step in history.steps(50) {
        last = shop.append(step).await;
    }
    eventually("rows of this version", async || {
        let status = catalog(&shop).await;
        (status.version, status.position) == (1, last)
    })
    .await;
    serving.reach(last).await;
    serving.stop().await;
    let previous = catalog(&shop).await.previous.unwrap();
    assert_eq!(previous.version, 0);
    oracle::check(
        &shop.pool,
        &shop.all_events().await,
        ["catalog", "orders", "users"],
    )
    .await;
}

#[tokio::test]
async fn older_rows_of_a_paused_projector_stay_until_it_is_resumed() {
    let mut shop = Shop::open().await;
    let mut history = History::new(23);
    let mut last = 0;
    for step in history.steps(50) {
        last = shop.append(step).await;
    }
    let serving = shop.serve();
    serving.reach(last).await;
    serving.stop().await;
    pretend_version(&shop, 0).await;
    let (projection, ann) = (projection("catalog").unwrap(), Operator::of_system("ann"));
    operate::pause(&shop.pool, &*projection, &ann, None)
        .await
        .unwrap();
    let serving = shop.serve();
    let mut head = 0;
    for step in history.steps(20) {
        head = shop.append(step).await;
    }
    serving
        .read_models
        .wait_for("orders", head, LONG)
        .await
        .unwrap();
    let status = catalog(&shop).await;
    assert_eq!(
        (status.state, status.version, status.position),
        (ProjectionState::Paused, 0, last)
    );
    operate::resume(&shop.pool, &*projection, &ann, None)
        .await
        .unwrap();
    eventually("rows of this version", async || {
        let status = catalog(&shop).await;
        (status.version, status.position) == (1, head)
    })
    .await;
    serving.stop().await;
}

#[tokio::test]
async fn later_rows_are_left_to_a_later_binary() {
    let mut shop = Shop::open().await;
    let serving = shop.serve();
    let mut history = History::new(22);
    let mut last = 0;
    for step in history.steps(50) {
        last = shop.append(step).await;
    }
    serving.reach(last).await;
    serving.stop().await;
    pretend_version(&shop, 99).await;
    let serving = shop.serve();
    let mut head = 0;
    for step in history.steps(20) {
        head = shop.append(step).await;
    }
    serving
        .read_models
        .wait_for("orders", head, LONG)
        .await
        .unwrap();
    let status = catalog(&shop).await;
    assert_eq!(
        (status.state, status.version, status.position, status.worker),
        (ProjectionState::Outdated, 99, last, None)
    );
    serving.stop().await;
}
