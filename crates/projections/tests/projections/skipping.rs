//! Events that operators have a projector pass over: live, reset or rebuilt, the rows are the same.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use daybook_domain::{
    OrderId, StreamId,
    order::{OrderEvent, OrderLine},
};
use daybook_projections::{
    Paging, ProjectionState, ProjectionStatus, ProjectorConfig,
    operate::{self, DeadLetter, Instruction, OperateError, Operator, Reason},
    orders::Viewer,
    projection::Projection,
    rebuild::{Builder, Built},
    registry::projection,
    runtime::run_projections,
    status_of,
};
use tokio_util::sync::CancellationToken;

use crate::{
    shop::{Shop, eur, eventually, id, order_placed, quick, stock_received},
    tally::Tally,
};

const TELEPORTED: (&str, &str) = ("order.teleported", r#"{"type": "order.teleported"}"#);

fn ann() -> Operator {
    Operator::of_system("ann")
}

fn why() -> Reason {
    "nobody teleports".parse().unwrap()
}

fn placed(order: OrderId) -> (StreamId, daybook_domain::Event) {
    let line = OrderLine {
        product_id: id(),
        name: "Lamp".to_owned(),
        quantity: 2,
        unit_price: eur(1_250),
    };
    order_placed(order, id(), vec![line])
}

async fn status(shop: &Shop, name: &str) -> ProjectionStatus {
    let found = status_of(&shop.pool, &shop.feed(), name).await.unwrap();
    found.unwrap()
}

async fn halted_at(shop: &Shop, name: &str) -> i64 {
    eventually("a halt", async || {
        status(shop, name).await.state == ProjectionState::Halted
    })
    .await;
    let error = status(shop, name).await.error.unwrap();
    error["position"].as_i64().unwrap()
}

/// Skips whatever event a projector halts at, until it reaches `last`.
async fn skip_up_to(shop: &Shop, name: &str, last: i64) -> Vec<i64> {
    let projection = projection(name).unwrap();
    let mut skipped = Vec::new();
    loop {
        eventually("a halt, or the end", async || {
            let status = status(shop, name).await;
            status.state == ProjectionState::Halted || status.position == last
        })
        .await;
        if status(shop, name).await.position == last {
            return skipped;
        }
        let position = halted_at(shop, name).await;
        operate::skip(&shop.pool, &*projection, position, &ann(), &why())
            .await
            .unwrap();
        skipped.push(position);
    }
}

async fn letters(shop: &Shop, name: &str) -> Vec<DeadLetter> {
    let page = operate::dead_letters(&shop.pool, name, &Paging::page(1, 100)).await;
    page.unwrap().items
}

async fn rebuild(shop: &Shop, name: &str) -> Built {
    let builder = Builder::new(shop.feed(), shop.pool.clone(), "test");
    let instruction = Instruction::new(ann(), None);
    let projections = [projection(name).unwrap()];
    let stop = CancellationToken::new();
    let results =
        operate::rebuild(&builder, &projections, false, &instruction, &|_| {}, &stop).await;
    let (_, result) = results.into_iter().next().unwrap();
    result.unwrap()
}

#[tokio::test]
async fn a_stream_goes_on_without_a_skipped_event() {
    let mut shop = Shop::open().await;
    let order: OrderId = id();
    let stream = StreamId::order(order);
    shop.append([placed(order)]).await;
    let (event_type, payload) = TELEPORTED;
    let poison = shop
        .append_raw(&stream.to_string(), event_type, payload)
        .await;
    shop.pass(stream);
    let last = shop.append([(stream, OrderEvent::Processed.into())]).await;
    let serving = shop.serve();
    assert_eq!(halted_at(&shop, "orders").await, poison);

    let orders = projection("orders").unwrap();
    let skip = async |position| operate::skip(&shop.pool, &*orders, position, &ann(), &why()).await;
    let elsewhere = skip(poison + 1).await;
    assert!(
        matches!(elsewhere, Err(OperateError::HaltedElsewhere { .. })),
        "{elsewhere:?}"
    );
    skip(poison).await.unwrap();
    for name in ["analytics", "trail"] {
        assert_eq!(skip_up_to(&shop, name, last).await, [poison]);
    }
    serving.reach(last).await;
    let again = skip(poison).await;
    assert!(
        matches!(again, Err(OperateError::WrongState { .. })),
        "{again:?}"
    );

    let shown = serving
        .read_models
        .orders()
        .get(order, Viewer::Admin)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shown.order.status.as_str(), "processing");
    let letters = letters(&shop, "orders").await;
    let [letter] = &letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!(
        (letter.position, &letter.stream, letter.sequence),
        (poison, &stream.to_string(), 2)
    );
    assert_eq!(
        (&*letter.event_type, &*letter.reason, &*letter.actor),
        ("order.teleported", "nobody teleports", "cli:ann")
    );
    assert!(letter.error.contains("order.teleported"), "{letter:?}");
    assert_eq!(status(&shop, "orders").await.dead_letters, 1);
    for name in ["orders", "analytics", "trail"] {
        let built = rebuild(&shop, name).await;
        assert!(
            built.switched && built.comparison.unwrap().is_identical(),
            "{name}"
        );
    }
    serving.stop().await;
}

#[tokio::test]
async fn nothing_is_made_of_a_stream_whose_first_event_was_skipped() {
    let mut shop = Shop::open().await;
    let lost = StreamId::order(id());
    let (event_type, payload) = TELEPORTED;
    let first = shop
        .append_raw(&lost.to_string(), event_type, payload)
        .await;
    shop.pass(lost);
    let second = shop.append([(lost, OrderEvent::Processed.into())]).await;
    let third = shop
        .append_raw(&lost.to_string(), event_type, payload)
        .await;
    let kept: OrderId = id();
    let last = shop.append([placed(kept)]).await;
    let serving = shop.serve();
    assert_eq!(skip_up_to(&shop, "orders", last).await, [first]);
    for name in ["analytics", "trail"] {
        assert_eq!(skip_up_to(&shop, name, last).await, [first]);
    }
    serving.reach(last).await;

    let noted: Vec<_> = letters(&shop, "orders")
        .await
        .into_iter()
        .map(|letter| {
            (
                letter.position,
                letter.sequence,
                letter.actor,
                letter.reason,
            )
        })
        .collect();
    let passed = "its stream's first event was skipped";
    let expected = [
        (first, 1, "cli:ann", "nobody teleports"),
        (second, 2, "system:projector", passed),
        (third, 3, "system:projector", passed),
    ];
    let expected = expected.map(|(position, sequence, actor, reason)| {
        (position, sequence, actor.to_owned(), reason.to_owned())
    });
    assert_eq!(noted, expected);
    let orders = serving.read_models.orders();
    assert!(orders.get(kept, Viewer::Admin).await.unwrap().is_some());
    assert!(
        orders
            .get(lost.id.into(), Viewer::Admin)
            .await
            .unwrap()
            .is_none()
    );

    let built = rebuild(&shop, "orders").await;
    let before = built.comparison.unwrap();
    assert!(before.is_identical(), "{before:?}");
    // Projected again, the same events are passed over.
    let orders = projection("orders").unwrap();
    operate::reset(&shop.pool, &*orders, &ann(), None)
        .await
        .unwrap();
    eventually("the new rows", async || {
        status(&shop, "orders").await.position == last
    })
    .await;
    let after = rebuild(&shop, "orders").await.comparison.unwrap();
    assert_eq!(after, before);
    serving.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_is_skipped_at_once() {
    let mut shop = Shop::open().await;
    for _ in 0..10 {
        shop.append([stock_received(id(), 1)]).await;
    }
    let tally = Tally::create(&shop).await;
    tally.unfoldable.store(4, SeqCst);
    let projections: Vec<Arc<dyn Projection>> = vec![Arc::new(tally.clone())];
    let shutdown = CancellationToken::new();
    let config = ProjectorConfig {
        batch_size: 3,
        ..quick()
    };
    let (feed, pool) = (shop.feed(), shop.pool.clone());
    let running = tokio::spawn(run_projections(
        projections,
        feed,
        pool,
        config,
        shutdown.clone(),
    ));
    eventually("a halt", async || {
        Tally::state(&shop.pool).await.1 == "halted"
    })
    .await;
    operate::skip(&shop.pool, &tally, 4, &ann(), &why())
        .await
        .unwrap();
    eventually("the end", async || Tally::state(&shop.pool).await.0 == 10).await;
    assert_eq!(Tally::seen(&shop.pool).await, [1, 2, 3, 5, 6, 7, 8, 9, 10]);
    shutdown.cancel();
    running.await.unwrap();
}
