//! Builders that meet, stop and die; and builds beside a projector that is halted or paused.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use daybook_projections::{
    operate::{self, Operator},
    projection::Projection,
    rebuild::{Anew, BuildError, Builder, Results, build_anew},
    runtime::run_projections,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::leftovers;
use crate::{
    shop::{Shop, eventually, id, quick, stock_received},
    tally::{Stall, Tally},
};

/// A shop with this many events, all in the tally.
async fn tallied_shop(events: u64) -> (Shop, Tally) {
    let mut shop = Shop::open().await;
    for quantity in 1..=events {
        shop.append([stock_received(id(), quantity)]).await;
    }
    let tally = Tally::create(&shop).await;
    project(&shop, &tally, "the end", async || {
        Tally::state(&shop.pool).await.0 == events as i64
    })
    .await;
    (shop, tally)
}

async fn project(shop: &Shop, tally: &Tally, what: &str, condition: impl AsyncFnMut() -> bool) {
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run_projections(
        of(tally),
        shop.feed(),
        shop.pool.clone(),
        quick(),
        shutdown.clone(),
    ));
    eventually(what, condition).await;
    shutdown.cancel();
    running.await.unwrap();
}

fn of(tally: &Tally) -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(tally.clone())]
}

fn builder(shop: &Shop, name: &str) -> Builder {
    Builder {
        parts: 1,
        chunk: 5,
        ..Builder::new(shop.feed(), shop.pool.clone(), name)
    }
}

fn start(builder: Builder, tally: Tally) -> JoinHandle<Results> {
    let stop = CancellationToken::new();
    tokio::spawn(async move { build(&builder, &of(&tally), Anew::Rebuild, &stop).await })
}

async fn build(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    anew: Anew,
    stop: &CancellationToken,
) -> Results {
    build_anew(builder, projections, anew, &|_| {}, stop).await
}

/// The result for the one projection that was built.
fn only(mut results: Results) -> Result<daybook_projections::rebuild::Built, BuildError> {
    assert_eq!(results.len(), 1);
    results.remove(0).1
}

async fn live_table(shop: &Shop) -> i64 {
    sqlx::query_scalar("select 'tally.seen'::regclass::oid::int8")
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_second_builder_is_told_who_is_at_it() {
    let (shop, tally) = tallied_shop(20).await;
    let stall = Stall::new();
    let first = start(builder(&shop, "ann"), tally.stalling(&stall));
    stall.reached.acquire().await.unwrap().forget();
    let stop = CancellationToken::new();
    for refused in [
        only(build(&builder(&shop, "ben"), &of(&tally), Anew::Rebuild, &stop).await),
        only(build(&builder(&shop, "ben"), &of(&tally), Anew::Verify, &stop).await),
    ] {
        match refused {
            Err(BuildError::BeingBuilt {
                name,
                purpose,
                builder,
                ..
            }) => assert_eq!(
                (name, purpose.as_str(), builder.as_str()),
                ("tally", "rebuild", "ann")
            ),
            other => panic!("{other:?}"),
        }
    }
    stall.go_on.add_permits(100);
    assert!(only(first.await.unwrap()).unwrap().switched);
    assert!(only(build(&builder(&shop, "ben"), &of(&tally), Anew::Verify, &stop).await).is_ok());
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
}

#[tokio::test]
async fn a_builder_that_dies_leaves_the_live_rows_alone_and_the_next_starts_clean() {
    let (shop, tally) = tallied_shop(20).await;
    let before = live_table(&shop).await;
    let stall = Stall::new();
    stall.go_on.add_permits(2);
    let dying = start(builder(&shop, "ann"), tally.stalling(&stall));
    // Two chunks are in, the third is half-way.
    stall.reached.acquire_many(3).await.unwrap().forget();
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());

    assert_eq!(live_table(&shop).await, before);
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
    assert_eq!(leftovers(&shop.pool).await.len(), 2);
    let built = {
        let mut result = None;
        // The server notices a moment later that the connections are gone.
        eventually("the next builder's turn", async || {
            let again = only(start(builder(&shop, "ben"), tally.clone()).await.unwrap());
            let refused = matches!(again, Err(BuildError::BeingBuilt { .. }));
            result = Some(again);
            !refused
        })
        .await;
        result.unwrap().unwrap()
    };
    assert!(built.switched && built.comparison.unwrap().is_identical());
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
}

#[tokio::test]
async fn a_builder_that_lost_its_session_writes_nothing_more() {
    let (shop, tally) = tallied_shop(20).await;
    let stall = Stall::new();
    let first = start(builder(&shop, "ann"), tally.stalling(&stall));
    stall.reached.acquire().await.unwrap().forget();
    let superuser = shop.database.superuser_pool().unwrap();
    let ended: bool = sqlx::query_scalar(
        "select pg_terminate_backend(session_pid, 60000) from projections.builds",
    )
    .fetch_one(&superuser)
    .await
    .unwrap();
    assert!(ended);
    // It waits for the first one's open transaction, then continues alone.
    let second = start(builder(&shop, "ben"), tally.clone());
    stall.go_on.add_permits(100);
    assert!(only(first.await.unwrap()).is_err());
    assert!(only(second.await.unwrap()).unwrap().switched);
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
}

#[tokio::test]
async fn a_builder_that_is_stopped_clears_away() {
    let (shop, tally) = tallied_shop(20).await;
    let before = live_table(&shop).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = only(build(&builder(&shop, "ann"), &of(&tally), Anew::Rebuild, &stop).await);
    assert!(matches!(stopped, Err(BuildError::Stopped)), "{stopped:?}");
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    assert_eq!(live_table(&shop).await, before);
}

#[tokio::test]
async fn what_a_projector_halted_at_is_passed_by_a_binary_that_can() {
    let mut shop = Shop::open().await;
    for _ in 0..20 {
        shop.append([stock_received(id(), 1)]).await;
    }
    let tally = Tally::create(&shop).await;
    tally.unfoldable.store(13, SeqCst);
    project(&shop, &tally, "a halt", async || {
        Tally::state(&shop.pool).await.1 == "halted"
    })
    .await;
    // As long as the event can't be folded, a rebuild gets no further either.
    let built = only(start(builder(&shop, "ann"), tally.clone()).await.unwrap()).unwrap();
    assert_eq!((built.position, built.comparison.unwrap().rows), (12, 12));

    tally.unfoldable.store(0, SeqCst);
    let built = only(start(builder(&shop, "ann"), tally.clone()).await.unwrap()).unwrap();
    assert!(built.comparison.unwrap().is_identical());
    assert_eq!(built.position, 20);
    assert_eq!(
        Tally::state(&shop.pool).await,
        (20, "live".to_owned(), None)
    );
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
}

#[tokio::test]
async fn what_an_operator_paused_is_compared_but_not_switched() {
    let (mut shop, tally) = tallied_shop(20).await;
    let before = live_table(&shop).await;
    let ann = Operator::of_system("ann");
    operate::pause(&shop.pool, &tally, &ann, None)
        .await
        .unwrap();
    shop.append([stock_received(id(), 21)]).await;
    let stop = CancellationToken::new();
    let refused = only(build(&builder(&shop, "ann"), &of(&tally), Anew::Rebuild, &stop).await);
    assert!(
        matches!(refused, Err(BuildError::Paused { name: "tally" })),
        "{refused:?}"
    );
    let compared = only(build(&builder(&shop, "ann"), &of(&tally), Anew::Verify, &stop).await);
    assert!(compared.unwrap().comparison.unwrap().is_identical());
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    assert_eq!(live_table(&shop).await, before);
    let paused = (20, "paused".to_owned(), None);
    assert_eq!(Tally::state(&shop.pool).await, paused);

    operate::resume(&shop.pool, &tally, &ann, None)
        .await
        .unwrap();
    let built = only(build(&builder(&shop, "ann"), &of(&tally), Anew::Rebuild, &stop).await);
    assert_eq!(built.unwrap().position, 21);
}

#[tokio::test]
async fn what_is_paused_while_it_is_rebuilt_is_not_switched() {
    let (shop, tally) = tallied_shop(20).await;
    let before = live_table(&shop).await;
    let stall = Stall::new();
    let building = start(builder(&shop, "ann"), tally.stalling(&stall));
    stall.reached.acquire().await.unwrap().forget();
    let ann = Operator::of_system("ann");
    operate::pause(&shop.pool, &tally, &ann, None)
        .await
        .unwrap();
    stall.go_on.add_permits(100);
    let refused = only(building.await.unwrap());
    assert!(
        matches!(refused, Err(BuildError::Paused { .. })),
        "{refused:?}"
    );
    assert_eq!(live_table(&shop).await, before);
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_fails_its_read_model_only() {
    let (shop, tally) = tallied_shop(20).await;
    tally.unfoldable.store(13, SeqCst);
    let mut projections = of(&tally);
    projections.extend(daybook_projections::registry());
    let stop = CancellationToken::new();
    let results = build(&builder(&shop, "ann"), &projections, Anew::Rebuild, &stop).await;
    let mut results = results.into_iter();
    match results.next().unwrap() {
        ("tally", Err(BuildError::Obstacle { position: 13, .. })) => {}
        other => panic!("{other:?}"),
    }
    for (name, result) in results {
        assert_eq!(result.unwrap().position, 20, "{name}");
    }
    assert_eq!(Tally::seen(&shop.pool).await, Vec::from_iter(1..=20));
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
}
