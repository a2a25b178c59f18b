//! Daybook's command path when some of its appends are refused by the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use daybook_commands::{
    Aggregates, ClaimKind, Command, CommandBus, Decision, NewClaim, Refusal, StreamUse,
};
use daybook_domain::{ProductId, StreamId};
use uuid::Uuid;

use crate::daybook::with_new_log;
use crate::load::closed_loop;
use crate::postgres::Postgres;
use crate::row;

/// A SKU that is taken already.
const TAKEN: &str = "TAKEN";

/// Written appends a second, where the database refuses every n-th one.
pub(crate) async fn appends(
    postgres: &Postgres,
    clients: usize,
    duration: Duration,
    one_refused_in: Option<u64>,
) -> anyhow::Result<f64> {
    with_new_log(postgres, async |bus| {
        anyhow::ensure!(send(bus, true).await?, "nobody had the SKU yet");
        let (bus, sent) = (bus.clone(), Arc::new(AtomicU64::new(0)));
        closed_loop(clients, duration, move || {
            let (bus, number) = (bus.clone(), sent.fetch_add(1, Ordering::Relaxed));
            let wants_taken = one_refused_in.is_some_and(|count| number.is_multiple_of(count));
            async move {
                let written = send(&bus, wants_taken).await?;
                anyhow::ensure!(written != wants_taken, "a SKU was taken twice, or refused");
                Ok(written)
            }
        })
        .await
    })
    .await
}

/// Sends one command; returns whether it was written.
async fn send(bus: &CommandBus, wants_taken: bool) -> anyhow::Result<bool> {
    let command = ReceiveStock {
        product_id: Uuid::now_v7().into(),
        wants_taken,
    };
    let sent = bus.send(command, row::metadata(), Utc::now()).await?;
    Ok(sent.outcome.is_ok())
}

/// Appends one event to one new stream. With `wants_taken` it claims a SKU that is taken, which only the database can
/// notice.
struct ReceiveStock {
    product_id: ProductId,
    wants_taken: bool,
}

impl Command for ReceiveStock {
    type Outcome = ();

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Fresh(StreamId::stock(self.product_id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<()>, Refusal> {
        let stock = aggregates.stock(self.product_id);
        let events = stock.state.decide(row::command())?;
        let taken = self.wants_taken.then(|| NewClaim {
            kind: ClaimKind::Sku,
            value: TAKEN.to_owned(),
            owner: self.product_id.to_string(),
        });
        Ok(Decision::new(())
            .append(StreamId::stock(self.product_id), events)
            .take(taken))
    }
}
