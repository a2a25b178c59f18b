//! Connections break at any moment: every acknowledged command is in the log exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;
use daybook_commands::CommandBus;
use daybook_domain::{OrderId, ProductId, UserId};
use sqlx::{Connection, PgConnection, query_scalar};

async fn keep_ordering(
    bus: CommandBus,
    customer: UserId,
    product: ProductId,
    stop: Arc<AtomicBool>,
) -> Vec<OrderId> {
    let mut placed = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let place = order(customer, &[(product, 1)]);
        let id = place.id;
        match send(&bus, place).await {
            Ok(sent) if sent.outcome.is_ok() => placed.push(id),
            // The load hit a broken connection; nothing was promised.
            Err(daybook_commands::CommandError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    placed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_order_is_in_the_log_once_whatever_connections_do() {
    const CUTS: usize = 60;
    let shop = Shop::open().await;
    let (customer, hot) = (shop.customer().await, shop.product(10_000_000).await);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..32)
        .map(|_| tokio::spawn(keep_ordering(shop.bus.clone(), customer, hot, stop.clone())))
        .collect();

    let mut superuser = PgConnection::connect(&shop.database.superuser_url())
        .await
        .unwrap();
    let mut cut = 0;
    while cut < CUTS {
        // Cuts the writer's connection, whatever it is doing: sending, waiting, committing or done.
        let writers: i64 = query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where application_name = 'daybook writer' and datname = current_database()",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        cut += usize::try_from(writers).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut placed = Vec::new();
    for client in clients {
        placed.extend(client.await.unwrap());
    }
    println!(
        "{} orders were acknowledged while {CUTS} connections were cut",
        placed.len()
    );
    let acknowledged: Vec<String> = placed.iter().map(ToString::to_string).collect();
    let found: i64 = query_scalar(
        "select count(*) from log.events where event_type = 'order.placed' and aggregate_id = any($1)",
    )
    .bind(&acknowledged)
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!(
        found as usize,
        placed.len(),
        "an acknowledged order is missing"
    );
    let all: i64 =
        query_scalar("select count(*) from log.events where event_type = 'order.placed'")
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    assert_eq!(
        all as usize,
        placed.len(),
        "an order was written that nobody was told of"
    );
    assert_eq!(shop.available(hot).await, 10_000_000 - placed.len() as u64);
    shop.check_log().await;
}
