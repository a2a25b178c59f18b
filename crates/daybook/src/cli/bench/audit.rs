use std::time::Duration;

use clap::Args;
use daybook_audit::CheckpointStore;
use daybook_bench::BenchError;
use daybook_bench::audit::{AuditReport, Bench};
use daybook_keys as keys;

use super::print_line;
use super::scratch::{Measurement, ScratchBench};
use crate::failure::Failure;

/// The connections of the sealer, and of the clients that request proofs.
const CONNECTIONS: u32 = 6;

/// Measure sealing, verifying and proving.
///
/// Fills a log, seals it from the start, verifies it and proves events all over it; then appends at the peak rate, in
/// turn without and with the sealer. Without DATABASE_URL a scratch PostgreSQL is started and removed again; with it,
/// the appended events stay in that database for good.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook bench audit
  daybook bench audit --events 200000 --seconds 3 --json")]
pub(crate) struct Arguments {
    /// Events in the log
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    events: u64,
    /// Clients that append at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// How long each round of appends, and the proving, is measured
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    #[command(flatten)]
    measurement: Measurement,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments
        .measurement
        .run(async |bench| measure(&arguments, bench).await, print)
}

async fn measure(arguments: &Arguments, bench: ScratchBench<'_>) -> Result<AuditReport, Failure> {
    let data = bench.data;
    let read = || keys::checkpoint_signers(&data.folder, data.checkpoint_key());
    // Makes the keys that are trusted, or tells why it cannot.
    read()?;
    let signers = || read().map_err(BenchError::new);
    let bench = Bench {
        bus: &bench.core.bus,
        feed: &bench.core.feed,
        pool: bench.database.worker_pool(CONNECTIONS),
        options: bench.database.server.clone(),
        store: CheckpointStore::open(&data.checkpoints())?,
        signers: &signers,
        trusted: keys::checkpoint_verifiers(&data.folder, data.checkpoint_key())?,
        clients: arguments.clients as usize,
        duration: Duration::from_secs(arguments.seconds),
        events: arguments.events,
    };
    Ok(bench.run().await?)
}

fn print(report: &AuditReport) {
    let line = |name: &str, per_second: f64| println!("  {name:<32}{per_second:>9.0}/s");
    println!("a log of {} events:", report.events);
    line("sealed from nothing", report.sealed_per_second);
    line("verified", report.verified_per_second);
    print_line("proofs of inclusion", &report.proof);
    println!("appends, one event and one stream each, in turn:");
    line("without the sealer", report.appended_alone_per_second);
    line("with the sealer", report.appended_beside_per_second);
    println!(
        "  with the sealer at {:.2} of the rate without it; sealing is {:.1} times as fast as appending",
        report.beside_to_alone, report.sealed_to_appended
    );
    let behind = &report.behind;
    println!(
        "  the newest checkpoint is behind by p50 {:.0} ms, p99 {:.0} ms, {:.0} ms and {} events at most",
        behind.p50_ms, behind.p99_ms, behind.max_ms, behind.max_events
    );
    if !report.is_whole {
        println!("  the log is NOT whole");
    }
}
