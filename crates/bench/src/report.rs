//! The figures of a measurement.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::BenchError;

/// Latencies in microseconds, up to a minute, within one per cent.
pub struct Latencies(Histogram<u32>);

impl Latencies {
    pub fn new() -> Result<Latencies, BenchError> {
        Histogram::new_with_bounds(1, 60_000_000, 2)
            .map(Latencies)
            .map_err(BenchError::new)
    }

    pub fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn merge(&mut self, other: &Latencies) {
        // Fails only for histograms with other bounds.
        let _ = self.0.add(&other.0);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// The figures of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub clients: usize,
    pub seconds: f64,
    pub completed: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

impl Report {
    pub fn new(clients: usize, took: Duration, latencies: &Latencies) -> Report {
        let seconds = took.as_secs_f64();
        Report {
            clients,
            seconds,
            completed: latencies.count(),
            per_second: latencies.count() as f64 / seconds,
            p50_ms: latencies.quantile_ms(0.50),
            p95_ms: latencies.quantile_ms(0.95),
            p99_ms: latencies.quantile_ms(0.99),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9.0}/s   p50 {:>7.2} ms   p95 {:>7.2} ms   p99 {:>7.2} ms   ({} in {:.1} s)",
            self.per_second, self.p50_ms, self.p95_ms, self.p99_ms, self.completed, self.seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_and_ranks() {
        let mut latencies = Latencies::new().unwrap();
        for ms in 1..=100 {
            latencies.record(Duration::from_millis(ms));
        }
        let report = Report::new(4, Duration::from_secs(2), &latencies);
        assert_eq!((report.completed, report.per_second), (100, 50.0));
        assert!((report.p50_ms - 50.0).abs() < 1.0, "{report}");
        assert!((report.p99_ms - 99.0).abs() < 1.5, "{report}");
    }
}
