//! Two buses on one database, as if in two server processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::*;
use daybook_commands::{ChangeProduct, ChangeStock, CommandBus, RetireProduct};
use daybook_domain::{ProductId, State, StreamId, UserId};
use futures::future::join_all;

#[tokio::test]
async fn a_restock_elsewhere_is_seen_by_the_next_order() {
    let shop = Shop::open().await;
    let elsewhere = shop.another_bus();
    let (customer, product) = (shop.customer().await, shop.product(0).await);
    assert_eq!(
        code(&shop.bus, order(customer, &[(product, 1)])).await,
        "out-of-stock"
    );
    for _ in 0..10 {
        let restock = ChangeStock {
            product_id: product,
            change: 1,
            reason: None,
            expected_version: None,
        };
        assert_eq!(code(&elsewhere, restock).await, "");
        assert_eq!(
            code(&shop.bus, order(customer, &[(product, 1)])).await,
            "",
            "the cached stock was believed"
        );
    }
}

#[tokio::test]
async fn a_price_change_elsewhere_is_never_undercut() {
    let shop = Shop::open().await;
    let elsewhere = shop.another_bus();
    let (customer, product) = (shop.customer().await, shop.product(100).await);
    assert_eq!(code(&shop.bus, order(customer, &[(product, 1)])).await, "");
    for minor in 2000..2010 {
        let reprice = ChangeProduct {
            id: product,
            name: None,
            description: None,
            price: Some(euros(minor)),
            category_id: None,
            expected_version: None,
        };
        assert_eq!(code(&elsewhere, reprice).await, "");
        let place = order(customer, &[(product, 1)]);
        let id = place.id;
        assert_eq!(code(&shop.bus, place).await, "");
        let State::Order(placed) = shop.bus.load(StreamId::order(id)).await.unwrap().state else {
            panic!()
        };
        assert_eq!(placed.total, euros(minor), "an order took an old price");
    }
    assert_eq!(
        code(
            &elsewhere,
            RetireProduct {
                id: product,
                expected_version: None
            }
        )
        .await,
        ""
    );
    assert_eq!(
        code(&shop.bus, order(customer, &[(product, 1)])).await,
        "product-retired"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_units_are_sold_once() {
    let shop = Shop::open().await;
    let elsewhere = shop.another_bus();
    let (customer, product) = (shop.customer().await, shop.product(100).await);
    let buses = [&shop.bus, &elsewhere];
    let orders = (0..600).map(|n| code(buses[n % 2], order(customer, &[(product, 1)])));
    let codes = join_all(orders).await;
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 100);
    assert_eq!(
        codes.iter().filter(|code| *code == "out-of-stock").count(),
        500
    );
    assert_eq!(shop.available(product).await, 0);
    shop.check_log().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_taken_once() {
    let shop = Shop::open().await;
    let elsewhere = shop.another_bus();
    let buses = [&shop.bus, &elsewhere];
    let codes =
        join_all((0..100).map(|n| code(buses[n % 2], registration("ada@example.com")))).await;
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 1);
    assert_eq!(
        codes.iter().filter(|code| *code == "email-taken").count(),
        99
    );
}

/// Takes from one stock again and again until told to stop; returns how often it could.
async fn keep_ordering(
    bus: CommandBus,
    customer: UserId,
    product: ProductId,
    stop: Arc<AtomicBool>,
    sold: Arc<AtomicU64>,
) {
    while !stop.load(Ordering::Relaxed) {
        assert_eq!(code(&bus, order(customer, &[(product, 1)])).await, "");
        sold.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_hot_product_starve_nobody() {
    let shop = Shop::open().await;
    let elsewhere = shop.another_bus();
    let (customer, product) = (shop.customer().await, shop.product(1_000_000).await);
    let stop = Arc::new(AtomicBool::new(false));
    // Many clients on one side, a single one on the other: the single one must get its turns.
    let (crowd, single) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut clients: Vec<_> = (0..64)
        .map(|_| {
            tokio::spawn(keep_ordering(
                shop.bus.clone(),
                customer,
                product,
                stop.clone(),
                crowd.clone(),
            ))
        })
        .collect();
    clients.push(tokio::spawn(keep_ordering(
        elsewhere,
        customer,
        product,
        stop.clone(),
        single.clone(),
    )));
    let fair = async {
        while single.load(Ordering::Relaxed) < 100 || crowd.load(Ordering::Relaxed) < 1000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, fair).await;
    stop.store(true, Ordering::Relaxed);
    join_all(clients)
        .await
        .into_iter()
        .for_each(|client| client.unwrap());
    let (crowd, single) = (
        crowd.load(Ordering::Relaxed),
        single.load(Ordering::Relaxed),
    );
    println!("the crowd placed {crowd} orders, the single client {single}");
    assert!(
        ended.is_ok(),
        "the crowd placed {crowd} orders, the single client only {single}"
    );
    assert_eq!(shop.available(product).await, 1_000_000 - crowd - single);
    shop.check_log().await;
}
