//! Room for requests. In each class a limited number is executed at once, a limited number waits for a moment at most,
//! and all others are refused at once. Classes do not share their room, so that a flood of queries does not affect
//! commands, and vice versa.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::class::{ByClass, Class};
use crate::problem::Problem;

const IN_FLIGHT: &str = "daybook_gateway_in_flight";
const QUEUED: &str = "daybook_gateway_queued";
const REFUSED: &str = "daybook_gateway_refused_total";

#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Requests that are executed at once.
    pub running: usize,
    /// Requests that may wait for their turn.
    pub waiting: usize,
    /// How long a request may wait.
    pub patience: Duration,
}

impl Capacity {
    const fn new(running: usize, waiting: usize) -> Capacity {
        Capacity {
            running,
            waiting,
            patience: Duration::from_secs(1),
        }
    }
}

impl Default for ByClass<Capacity> {
    /// Commands and queries mostly wait for the database, which batches commands and has few connections for queries. A
    /// password occupies a core for a moment, a batch of usage events up to 1 MiB of memory.
    fn default() -> ByClass<Capacity> {
        ByClass {
            sign_in: Capacity::new(64, 256),
            command: Capacity::new(1024, 3072),
            query: Capacity::new(1024, 3072),
            usage: Capacity::new(64, 256),
        }
    }
}

pub(super) struct Room {
    running: Semaphore,
    waiting: Semaphore,
    patience: Duration,
    in_flight: Gauge,
    queued: Gauge,
    refused: Counter,
}

/// The right of a request to be executed, until it is dropped.
pub(super) struct Slot<'a> {
    _running: SemaphorePermit<'a>,
    _in_flight: GaugeGuard<'a>,
}

/// There is no room, and none became free in time. Nothing was done.
#[derive(Debug)]
pub(super) struct Full {
    patience: Duration,
}

impl Room {
    pub(super) fn new(class: Class, capacity: &Capacity) -> Room {
        describe_gauge!(IN_FLIGHT, "Requests that are being executed, by class.");
        describe_gauge!(QUEUED, "Requests that wait for their turn, by class.");
        describe_counter!(
            REFUSED,
            "Requests refused because there was no room, by class."
        );
        let class = class.as_str();
        Room {
            running: Semaphore::new(capacity.running),
            waiting: Semaphore::new(capacity.waiting),
            patience: capacity.patience,
            in_flight: gauge!(IN_FLIGHT, "class" => class),
            queued: gauge!(QUEUED, "class" => class),
            refused: counter!(REFUSED, "class" => class),
        }
    }

    /// Admits requests in the order in which they come.
    pub(super) async fn enter(&self) -> Result<Slot<'_>, Full> {
        match self.find().await {
            Some(running) => Ok(Slot {
                _running: running,
                _in_flight: GaugeGuard::new(&self.in_flight),
            }),
            None => {
                self.refused.increment(1);
                Err(Full {
                    patience: self.patience,
                })
            }
        }
    }

    async fn find(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody overtakes those who wait: a permit that is given back goes to them before it can be tried for.
        if let Ok(running) = self.running.try_acquire() {
            return Some(running);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let _queued = GaugeGuard::new(&self.queued);
        timeout(self.patience, self.running.acquire())
            .await
            .ok()?
            .ok()
    }
}

struct GaugeGuard<'a>(&'a Gauge);

impl<'a> GaugeGuard<'a> {
    fn new(gauge: &'a Gauge) -> GaugeGuard<'a> {
        gauge.increment(1);
        GaugeGuard(gauge)
    }
}

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl IntoResponse for Full {
    /// Every request that waits now has been served or refused when its patience is over, so there is room in the queue
    /// again: that is how long to wait before another attempt.
    fn into_response(self) -> Response {
        let seconds = u32::try_from(self.patience.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        Problem::unavailable(
            "overloaded",
            "Too many requests are being served; nothing was done.",
            seconds.max(1),
        )
        .into_response()
    }
}
