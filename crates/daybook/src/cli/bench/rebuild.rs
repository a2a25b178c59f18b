use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use daybook_bench::rebuild::{Bench, RebuildReport};

use super::scratch::{Measurement, ScratchBench};
use crate::failure::Failure;
use crate::progress::TerminalProgress;

/// Enough for every projector, and for a rebuild beside them.
const CONNECTIONS: u32 = 24;

/// Measure rebuilding every read model from a shop's history.
///
/// Imports the history through the command path, lets the projectors catch up, rebuilds everything beside them, then
/// replays the same log in the simple way: one event, one upsert, one checkpoint. Without DATABASE_URL a scratch
/// PostgreSQL is started and removed again; with it, what is imported stays in that database for good.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook bench rebuild
  daybook bench rebuild --csv online-retail.csv --tenfold --json")]
pub(crate) struct Arguments {
    /// A shop's export, as `daybook import orders` takes it; by default an invented one
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Order lines in the invented history
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    lines: u64,
    /// How long events are replayed one by one
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Measure memory again after the log has grown tenfold
    #[arg(long)]
    tenfold: bool,
    #[command(flatten)]
    measurement: Measurement,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments
        .measurement
        .run(async |bench| measure(&arguments, bench).await, print)
}

async fn measure(arguments: &Arguments, bench: ScratchBench<'_>) -> Result<RebuildReport, Failure> {
    let mut environment = vec![("DAYBOOK_DATA", bench.folder.as_os_str().to_owned())];
    if let Some(url) = arguments.measurement.database_url() {
        environment.push(("DATABASE_URL", url.into()));
    }
    let bench = Bench {
        bus: &bench.core.bus,
        feed: &bench.core.feed,
        pool: bench.database.worker_pool(CONNECTIONS),
        folder: bench.folder,
        environment,
        csv: arguments.csv.clone(),
        lines: arguments.lines,
        one_by_one: Duration::from_secs(arguments.seconds),
        tenfold: arguments.tenfold,
        progress: Arc::new(TerminalProgress::new()),
    };
    Ok(bench.run().await?)
}

fn print(report: &RebuildReport) {
    println!("a log of {} events:", report.events);
    let line = |name: &str, per_second: f64| println!("  {name:<44}{per_second:>9.0}/s");
    line("imported, order lines", report.imported_lines_per_second);
    line("projected in batches, events", report.projected_per_second);
    line("all rebuilt", report.rebuilt_per_second);
    line(
        "all rebuilt, compared and switched in",
        report.compared_and_switched_per_second,
    );
    line("replayed one by one", report.one_by_one_per_second);
    println!(
        "  rebuilding at {:.0} times one by one; {}",
        report.rebuilt_to_one_by_one,
        if report.identical {
            "identical to the live rows"
        } else {
            "NOT identical to the live rows"
        },
    );
    println!("  {:.0} MiB at most", report.peak_mib);
    if let Some(tenfold) = &report.tenfold {
        println!(
            "  {:.0} MiB with {} events in the log: {:.2} of that",
            tenfold.peak_mib, tenfold.events, tenfold.memory_ratio
        );
    }
}
