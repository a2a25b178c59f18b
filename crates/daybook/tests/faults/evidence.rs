//! Conditions that a database must always meet, checked by plain SQL over the log.

use std::time::{Duration, Instant};

use sqlx::{PgPool, query_as, query_scalar};
use tokio::time::sleep;

use crate::{fold, standstill};

/// Far more time than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Repeats until the condition is true.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let so = async || is_so().await.then_some(());
    eventually_some(what, so).await;
}

/// Repeats until there is a value.
pub async fn eventually_some<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    match in_time(look).await {
        Some(found) => found,
        None => panic!("in vain waited until {what}"),
    }
}

async fn in_time<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look().await;
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        sleep(LOOK_AGAIN).await;
    }
}

pub async fn head(pool: &PgPool) -> i64 {
    query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Positions and streams have no gaps.
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

/// Each of these orders was placed exactly once; returns how many others were.
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

/// No key had two effects: each order's request has one record, and every record one order.
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

/// Stock is never negative and always adds up, at every position of every stock.
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

/// Returns once these read models have reached this position.
pub async fn reach(pool: &PgPool, projections: &[&str], position: i64) {
    let there = in_time(async || {
        let there: i64 = query_scalar(
            "select count(*) from projections.checkpoints where name = any($1) and position >= $2",
        )
        .bind(projections)
        .bind(position)
        .fetch_one(pool)
        .await
        .unwrap();
        (there == projections.len() as i64).then_some(())
    })
    .await;
    if there.is_none() {
        let standstill = standstill::describe(pool).await;
        panic!("in vain waited until {projections:?} reach position {position}:\n{standstill}");
    }
}

/// Waits until the read models have reached the end of the log, and compares them with it.
pub async fn read_models_equal_the_log(pool: &PgPool) {
    reach(pool, &fold::PROJECTIONS, head(pool).await).await;
    fold::equals_the_read_models(pool).await;
}

pub async fn everything_holds(pool: &PgPool) {
    log_is_whole(pool).await;
    keys_had_one_effect(pool).await;
    stock_adds_up(pool).await;
    read_models_equal_the_log(pool).await;
}
