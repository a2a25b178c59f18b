//! The time from a command's acknowledgement until the read models show it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use daybook_commands::CommandBus;
use daybook_log::Position;
use daybook_projections::{ProgressTracker, registry};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::append::Spread;
use super::append::orders::{Customer, customers};
use super::load::{Client, WARM_UP, open_loop};
use super::{BenchError, Latencies, Report};

/// After a longer wait there must be no projector.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than can be waiting at the same time, so that the pace is kept.
const CLIENTS: usize = 512;

/// The time from an order's acknowledgement until it can be queried.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LagReport {
    /// From when an order was due until all read models showed it.
    pub orders: Report,
    /// By read model, from the acknowledgement.
    pub lag: BTreeMap<&'static str, Report>,
}

/// Places single-unit orders for many products at a steady pace, while projectors work.
pub async fn run(
    bus: &CommandBus,
    progress: &ProgressTracker,
    per_second: f64,
    duration: Duration,
) -> Result<LagReport, BenchError> {
    let models: Arc<Vec<Model>> = Arc::new(
        registry()
            .iter()
            .map(|projection| Model::watch(progress, projection.name()))
            .collect::<Result<_, _>>()?,
    );
    let followers = customers(bus, CLIENTS, false, Spread::Products(1_000))
        .await?
        .into_iter()
        .map(|customer| Follower {
            customer,
            models: Arc::clone(&models),
            counts_from: Instant::now() + WARM_UP,
        })
        .collect();
    let orders = open_loop(followers, per_second, duration).await?;
    let lag = models
        .iter()
        .map(|model| {
            let report = Report::new(CLIENTS, duration, &model.lags.lock());
            (model.name, report)
        })
        .collect();
    Ok(LagReport { orders, lag })
}

struct Model {
    name: &'static str,
    position: watch::Receiver<Position>,
    lags: Mutex<Latencies>,
}

impl Model {
    fn watch(progress: &ProgressTracker, name: &'static str) -> Result<Model, BenchError> {
        let position = progress
            .watch(name)
            .ok_or_else(|| BenchError::new(format!("nobody keeps the read model {name}")))?;
        Ok(Model {
            name,
            position,
            lags: Mutex::new(Latencies::new()?),
        })
    }

    async fn shows(&self, position: Position) -> Result<(), BenchError> {
        let mut at = self.position.clone();
        let shown = timeout(PATIENCE, at.wait_for(|at| *at >= position)).await;
        match shown {
            Ok(Ok(_)) => Ok(()),
            _ => Err(BenchError::new(format!("{} does not keep up", self.name))),
        }
    }
}

/// A customer who looks for each order in every read model.
struct Follower {
    customer: Customer,
    models: Arc<Vec<Model>>,
    counts_from: Instant,
}

impl Client for Follower {
    async fn send(&mut self) -> Result<(), BenchError> {
        let position = self.customer.order().await?;
        let acknowledged_at = Instant::now();
        let counts_from = self.counts_from;
        let shown = self.models.iter().map(|model| async move {
            model.shows(position).await?;
            if acknowledged_at >= counts_from {
                model.lags.lock().record(acknowledged_at.elapsed());
            }
            Ok::<(), BenchError>(())
        });
        futures::future::try_join_all(shown).await?;
        Ok(())
    }
}
