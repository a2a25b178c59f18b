//! What must be true of a database after anything, found by plain SQL over the log.

use std::time::Duration;

use sqlx::{PgPool, query_as, query_scalar};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

pub async fn head(pool: &PgPool) -> i64 {
    query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Positions are dense, streams whole.
pub async fn log_is_whole(pool: &PgPool) {
    let (events, head, whole): (i64, i64, bool) = query_as(
        "select count(*), coalesce(max(position), 0),
             (select bool_and(n = last) from
                 (select count(*) as n, max(sequence) as last from log.events
                  group by aggregate_type, aggregate_id) streams)
         from log.events",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(events, head, "positions are dense");
    assert!(whole, "streams have no gaps");
}

/// Each of these orders was placed exactly once; answers how many others were.
pub async fn orders_stand_once(pool: &PgPool, acknowledged: &[String]) -> i64 {
    let (once, all): (i64, i64) = query_as(
        "select count(*) filter (where aggregate_id = any($1)), count(*) from log.events
         where event_type = 'order.placed'",
    )
    .bind(acknowledged)
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(
        once,
        acknowledged.len() as i64,
        "each acknowledged order is in the log, once"
    );
    all - once
}

/// No key led to two effects: each order's request has one record, and every record one order.
pub async fn keys_had_one_effect(pool: &PgPool) {
    let twice: i64 = query_scalar(
        "select count(*) from (select metadata->>'requestId' as request from log.events
             where event_type = 'order.placed' group by 1 having count(*) > 1) repeated",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(twice, 0, "a request placed two orders");
}

/// Never below zero, and the warehouse adds up, at every position of every stock.
pub async fn stock_adds_up(pool: &PgPool) {
    let wrong: i64 = query_scalar(
        "with moves as (
             select aggregate_id, sequence, (payload->>'quantity')::bigint as quantity, event_type
             from log.events where aggregate_type = 'stock'),
         running as (
             select sum(case event_type when 'stock.received' then quantity when 'stock.released' then quantity
                 else 0 end - case event_type when 'stock.reserved' then quantity when 'stock.written_off'
                 then quantity else 0 end) over stream as on_hand
             from moves window stream as (partition by aggregate_id order by sequence))
         select count(*) from running where on_hand < 0",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(wrong, 0, "more was sold than there was");
}

/// Waits until the read models have seen the whole log, and compares them with it.
pub async fn read_models_equal_the_log(pool: &PgPool) {
    let caught_up = async {
        let head = head(pool).await;
        let behind = "select count(*) from projections.checkpoints where position < $1";
        while query_scalar::<_, i64>(behind)
            .bind(head)
            .fetch_one(pool)
            .await
            .unwrap()
            > 0
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, caught_up)
        .await
        .expect("the projectors catch up");
    let stocks: i64 = query_scalar(
        "with folded as (
             select aggregate_id::uuid as id, sum(case
                 when event_type in ('stock.received', 'stock.released') then (payload->>'quantity')::bigint
                 when event_type in ('stock.reserved', 'stock.written_off') then -(payload->>'quantity')::bigint
                 else 0 end) as stock, max(sequence) as version
             from log.events where aggregate_type = 'stock' group by 1)
         select count(*) from folded full join catalog.products p using (id)
         where p.id is null or coalesce(folded.stock, 0) <> p.stock
             or coalesce(folded.version, 0) <> p.stock_version",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(stocks, 0, "products in the catalog differ from the log");
    let orders: i64 = query_scalar(
        "with folded as (
             select distinct on (aggregate_id) aggregate_id::uuid as id, sequence as version,
                 case event_type when 'order.placed' then 'pending' when 'order.processed' then 'processing'
                     else split_part(event_type, '.', 2) end as status
             from log.events where aggregate_type = 'order' order by aggregate_id, sequence desc)
         select count(*) from folded full join orders.orders o using (id)
         where o.id is null or folded.id is null or o.status <> folded.status or o.version <> folded.version",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(orders, 0, "orders in the order history differ from the log");
}

pub async fn everything_holds(pool: &PgPool) {
    log_is_whole(pool).await;
    keys_had_one_effect(pool).await;
    stock_adds_up(pool).await;
    read_models_equal_the_log(pool).await;
}
