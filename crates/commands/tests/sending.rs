//! Commands for whose outcome their sender waits, without an answer in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;
use chrono::{DateTime, TimeZone, Utc};
use daybook_commands::{
    Aggregates, ChangeStock, ClaimKind, Command, CommandBus, CommandError, Decision, Refusal,
    Shortage, StockOutcome, StreamUse,
};
use daybook_domain::ProductId;
use daybook_log::{Actor, Metadata, Position};
use sqlx::query_scalar;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use uuid::Uuid;

fn change(product_id: ProductId, change: i64) -> ChangeStock {
    ChangeStock {
        product_id,
        change,
        reason: None,
        expected_version: None,
    }
}

async fn head(shop: &Shop) -> Position {
    query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_outcome_is_given_with_its_position_once_it_is_in_the_log() {
    let shop = Shop::open().await;
    let product = shop.product(2).await;
    let metadata = Metadata {
        causation_id: Some(Uuid::now_v7()),
        ..Metadata::of(Actor::System("stocktaking".into()), Uuid::now_v7())
    };
    let at = Utc.with_ymd_and_hms(2024, 5, 6, 7, 8, 9).unwrap();
    let sent = shop.bus.send(change(product, 5), metadata.clone(), at);
    let sent = sent.await.unwrap();
    let outcome = sent.outcome.unwrap();
    assert_eq!((outcome.available, outcome.stock_version), (7, 2));

    let written: (String, i64, DateTime<Utc>, String) = sqlx::query_as(
        "select aggregate_id, sequence, occurred_at, metadata::text from log.events where position = $1",
    )
    .bind(sent.position)
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    let metadata = serde_json::to_string(&metadata).unwrap();
    assert_eq!(written, (product.to_string(), 2, at, metadata));
    let records: i64 = query_scalar("select count(*) from log.idempotency_records")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(records, 0, "nothing is recorded without a key");
}

#[tokio::test]
async fn what_daybook_sends_by_itself_says_which_part_of_it_acted() {
    let shop = Shop::open().await;
    let product = shop.product(0).await;
    let at = Utc.with_ymd_and_hms(2024, 5, 6, 7, 8, 9).unwrap();
    let sent = shop.bus.send_as_system("seed", at, change(product, 1));
    let position = sent.await.unwrap().position;
    let (actor, occurred_at): (String, DateTime<Utc>) = sqlx::query_as(
        "select metadata->>'actor', occurred_at from log.events where position = $1",
    )
    .bind(position)
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!((actor.as_str(), occurred_at), ("system:seed", at));
}

#[tokio::test]
async fn a_refusal_by_a_rule_is_given_as_it_is() {
    let shop = Shop::open().await;
    let product = shop.product(2).await;
    let before = head(&shop).await;
    let sent = send(&shop.bus, change(product, -3)).await.unwrap();
    let shortage = Shortage {
        product_id: product,
        requested: 3,
        available: 2,
    };
    assert_eq!(
        sent.outcome.unwrap_err(),
        Refusal::OutOfStock(vec![shortage])
    );
    assert_eq!((sent.position, head(&shop).await), (before, before));
}

#[tokio::test]
async fn a_claim_that_is_taken_is_given_as_a_refusal() {
    let shop = Shop::open().await;
    let first = send(&shop.bus, registration("ada@example.com")).await;
    first.unwrap().outcome.unwrap();
    let before = head(&shop).await;
    for bus in [&shop.bus, &shop.another_bus()] {
        let sent = send(bus, registration("Ada@example.com")).await.unwrap();
        assert_eq!(
            sent.outcome.unwrap_err(),
            Refusal::ClaimTaken(ClaimKind::Email)
        );
        assert_eq!((sent.position, head(&shop).await), (before, before));
    }
}

#[tokio::test]
async fn after_closing_nothing_is_sent() {
    let mut shop = Shop::open().await;
    let product = shop.product(2).await;
    shop.tasks.take().unwrap().close(PATIENCE).await.unwrap();
    let sent = send(&shop.bus, change(product, 1)).await;
    assert!(matches!(sent, Err(CommandError::ShuttingDown)), "{sent:?}");
    assert_eq!(shop.available(product).await, 2);
}

/// Adds one unit. In each of its first `disturbed` decisions another process adds ten before it is written.
struct Disturbed {
    add: ChangeStock,
    elsewhere: CommandBus,
    disturbed: usize,
    decisions: Arc<AtomicUsize>,
}

impl Command for Disturbed {
    type Outcome = StockOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        self.add.streams()
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<StockOutcome>, Refusal> {
        let decision = self.add.decide(aggregates);
        if self.decisions.fetch_add(1, Ordering::Relaxed) < self.disturbed {
            let add = change(self.add.product_id, 10);
            let added = block_in_place(|| Handle::current().block_on(send(&self.elsewhere, add)));
            added.unwrap().outcome.unwrap();
        }
        decision
    }
}

/// Returns how often the command was decided.
async fn disturbed(shop: &Shop, disturbed: usize) -> usize {
    let product = shop.product(1).await;
    let decisions = Arc::new(AtomicUsize::new(0));
    let command = Disturbed {
        add: change(product, 1),
        elsewhere: shop.another_bus(),
        disturbed,
        decisions: Arc::clone(&decisions),
    };
    let sent = send(&shop.bus, command).await.unwrap();
    let outcome = sent.outcome.unwrap();
    let all = 2 + 10 * disturbed as u64;
    assert_eq!(shop.available(product).await, all);
    assert_eq!(outcome.available, all, "an outcome that was not written");
    assert_eq!(outcome.stock_version, 2 + disturbed as i64);
    assert_eq!(sent.position, head(shop).await);
    shop.check_log().await;
    decisions.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_decided_again_is_given_the_outcome_that_was_written() {
    let shop = Shop::open().await;
    assert_eq!(disturbed(&shop, 0).await, 1);
    assert_eq!(disturbed(&shop, 1).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_one_that_is_decided_under_the_logs_lock() {
    let shop = Shop::open().await;
    assert_eq!(disturbed(&shop, 2).await, 3);
}
