//! Conflicts must not slow down clients that have none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_commands::{Aggregates, Command, CommandBus, Decision, Refusal, StreamUse};
use daybook_commands::{ClaimKind, NewClaim};
use daybook_domain::stock::StockCommand;
use daybook_domain::{ProductId, StreamId};
use support::*;
use uuid::Uuid;

/// Appends one event to one new stream; some of these commands want a value that is taken.
struct Receive {
    product_id: ProductId,
    wants_taken: bool,
}

impl Command for Receive {
    type Outcome = ();

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Fresh(StreamId::stock(self.product_id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<()>, Refusal> {
        let receive = StockCommand::Receive {
            quantity: 1,
            reason: None,
        };
        let events = aggregates.stock(self.product_id).state.decide(receive)?;
        let taken = NewClaim {
            kind: ClaimKind::Sku,
            value: "taken".into(),
            owner: self.product_id.to_string(),
        };
        let decision = Decision::new(()).append(StreamId::stock(self.product_id), events);
        Ok(if self.wants_taken {
            decision.take([taken])
        } else {
            decision
        })
    }
}

/// Appends per second for 512 clients, when one in `conflicting` appends conflicts (0: none).
async fn rate(bus: &CommandBus, conflicting: u64, window: Duration) -> f64 {
    let (sent, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + window;
    let clients = (0..512).map(|_| {
        let (bus, sent, written) = (bus.clone(), sent.clone(), written.clone());
        tokio::spawn(async move {
            while Instant::now() < end {
                let n = sent.fetch_add(1, Ordering::Relaxed);
                let wants_taken = conflicting > 0 && n % conflicting == 0;
                let expected = if wants_taken { "sku-taken" } else { "" };
                assert_eq!(
                    code(
                        &bus,
                        Receive {
                            product_id: Uuid::now_v7().into(),
                            wants_taken
                        }
                    )
                    .await,
                    expected
                );
                written.fetch_add(u64::from(!wants_taken), Ordering::Relaxed);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    written.load(Ordering::Relaxed) as f64 / window.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_conflict_in_a_hundred_leaves_more_than_half_of_the_throughput() {
    let shop = Shop::open().await;
    let first = Receive {
        product_id: Uuid::now_v7().into(),
        wants_taken: true,
    };
    assert_eq!(code(&shop.bus, first).await, "");
    // In turns, so that a busy machine slows both down.
    let window = Duration::from_millis(1500);
    rate(&shop.bus, 0, window).await;
    let (mut without, mut with) = (0.0, 0.0);
    for _ in 0..3 {
        without += rate(&shop.bus, 0, window).await;
        with += rate(&shop.bus, 100, window).await;
    }
    println!(
        "{:.0} appends/s without conflicts, {:.0} with one in a hundred",
        without / 3.0,
        with / 3.0
    );
    assert!(with > without / 2.0, "{with:.0} of {without:.0}");
    shop.check_log().await;
}
