//! How far the newest checkpoint is behind the head.
//!
//! The head is read regularly; each reading ends when a checkpoint covers the head that it saw.

use std::collections::VecDeque;
use std::time::Duration;

use daybook_audit::Sealed;
use daybook_log::Feed;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::load::WARM_UP;
use crate::{BenchError, Latencies, Report};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The figures of all rounds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Behind {
    pub looks: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// The largest number of events above the newest checkpoint.
    pub max_events: u64,
}

pub(super) struct Samples {
    latencies: Latencies,
    longest: Duration,
    most: u64,
}

impl Samples {
    pub(super) fn new() -> Result<Samples, BenchError> {
        Ok(Samples {
            latencies: Latencies::new()?,
            longest: Duration::ZERO,
            most: 0,
        })
    }

    /// Runs until `stop`, and then until everything that was seen is covered.
    pub(super) async fn watch(
        &mut self,
        feed: &Feed,
        mut sealed: watch::Receiver<Sealed>,
        stop: &CancellationToken,
    ) -> Result<(), BenchError> {
        let begins = Instant::now() + WARM_UP;
        let mut looks = VecDeque::new();
        let mut turn = interval(LOOK_EVERY);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() || !looks.is_empty() {
            tokio::select! {
                changed = sealed.changed() => {
                    changed.map_err(|_| BenchError::new("the sealer has ended".to_owned()))?;
                    let size = sealed.borrow_and_update().size();
                    self.cover(&mut looks, size);
                }
                _ = turn.tick(), if !stop.is_cancelled() => {
                    let head = feed.head().await?;
                    let head = head.unsigned_abs();
                    let size = sealed.borrow().size();
                    if Instant::now() >= begins && head > size {
                        self.most = self.most.max(head - size);
                        looks.push_back((head, Instant::now()));
                    }
                }
            }
        }
        Ok(())
    }

    fn cover(&mut self, looks: &mut VecDeque<(u64, Instant)>, size: u64) {
        while let Some((_, seen_at)) = looks.pop_front_if(|(head, _)| *head <= size) {
            self.latencies.record(seen_at.elapsed());
            self.longest = self.longest.max(seen_at.elapsed());
        }
    }

    pub(super) fn report(&self) -> Behind {
        let report = Report::new(1, Duration::from_secs(1), &self.latencies);
        Behind {
            looks: report.completed,
            p50_ms: report.p50_ms,
            p99_ms: report.p99_ms,
            max_ms: self.longest.as_secs_f64() * 1_000.0,
            max_events: self.most,
        }
    }
}
