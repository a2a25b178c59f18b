//! Clients that keep a target busy.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{BenchError, Latencies, Report};

/// Caches and connections settle before anything counts.
pub(super) const WARM_UP: Duration = Duration::from_secs(1);

/// A client of the target: sends one request and returns when it is answered.
pub trait Client: Send + 'static {
    fn send(&mut self) -> impl Future<Output = Result<(), BenchError>> + Send;
}

/// Every client sends its next request as soon as the last is answered.
pub async fn closed_loop<C: Client>(
    clients: Vec<C>,
    duration: Duration,
) -> Result<Report, BenchError> {
    let begin = Instant::now() + WARM_UP;
    let end = begin + duration;
    run(clients, duration, move |_, mut client| async move {
        let mut latencies = Latencies::new()?;
        loop {
            let sent_at = Instant::now();
            if sent_at >= end {
                return Ok(latencies);
            }
            client.send().await?;
            let answered_at = Instant::now();
            // Requests that were answered within the time count: as many are in progress at its begin as at its end.
            if answered_at >= begin && answered_at < end {
                latencies.record(answered_at - sent_at);
            }
        }
    })
    .await
}

/// `per_second` requests are due each second, evenly, however long the answers take.
pub async fn open_loop<C: Client>(
    clients: Vec<C>,
    per_second: f64,
    duration: Duration,
) -> Result<Report, BenchError> {
    let count = clients.len();
    let begin = Instant::now() + WARM_UP;
    let end = begin + duration;
    let pace = Duration::from_secs_f64(count as f64 / per_second);
    let first = Instant::now();
    run(clients, duration, move |index, mut client| async move {
        let mut latencies = Latencies::new()?;
        let mut due = first + pace.mul_f64(index as f64 / count as f64);
        while due < end {
            let mut since = due;
            if Instant::now() < due {
                sleep_until(due).await;
                // The timer's own delay is not the target's.
                since = Instant::now();
            }
            client.send().await?;
            if due >= begin {
                latencies.record(since.elapsed());
            }
            due += pace;
        }
        Ok(latencies)
    })
    .await
}

async fn run<C, F>(
    clients: Vec<C>,
    duration: Duration,
    client_loop: impl Fn(usize, C) -> F,
) -> Result<Report, BenchError>
where
    F: Future<Output = Result<Latencies, BenchError>> + Send + 'static,
{
    let count = clients.len();
    let mut tasks = JoinSet::new();
    for (index, client) in clients.into_iter().enumerate() {
        tasks.spawn(client_loop(index, client));
    }
    let mut all = Latencies::new()?;
    while let Some(ended) = tasks.join_next().await {
        let latencies = ended.map_err(BenchError::new)??;
        all.merge(&latencies);
    }
    Ok(Report::new(count, duration, &all))
}
