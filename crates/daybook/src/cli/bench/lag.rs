use clap::Args;
use daybook_bench::lag::{self, LagReport};
use daybook_projections::{ProgressTracker, ProjectorConfig, registry, run as run_projectors};
use tokio_util::sync::CancellationToken;

use super::print_line;
use super::scratch::Measurement;
use crate::failure::Failure;
use crate::site::core::Core;
use crate::site::database::Database;

/// Measure the time from a command's acknowledgement until the read models show it, at a steady pace.
///
/// Places single-unit orders for a thousand products, with every projector running in this process. Without
/// DATABASE_URL a scratch PostgreSQL is started and removed again.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook bench lag --per-second 2000 --seconds 10")]
pub(crate) struct Arguments {
    /// Orders placed each second
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    per_second: u32,
    /// How long to measure
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    #[command(flatten)]
    measurement: Measurement,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments.measurement.run(
        async |bench| beside_projectors(&arguments, bench.database, bench.core).await,
        print,
    )
}

async fn beside_projectors(
    arguments: &Arguments,
    database: &Database,
    core: &Core,
) -> Result<LagReport, Failure> {
    let stop = CancellationToken::new();
    let progress = ProgressTracker::new();
    // One connection for each projector, and one each to listen to the log and to the projectors.
    let pool = database.worker_pool(registry().len() as u32 + 3);
    let projectors = run_projectors(
        core.feed.clone(),
        pool.clone(),
        ProjectorConfig::default(),
        stop.clone(),
    );
    let tracker = progress.run(pool, stop.clone());
    let measure = async {
        let duration = std::time::Duration::from_secs(arguments.seconds);
        let per_second = f64::from(arguments.per_second);
        let report = lag::run(&core.bus, &progress, per_second, duration).await;
        stop.cancel();
        report
    };
    let ((), (), report) = tokio::join!(projectors, tracker, measure);
    Ok(report?)
}

fn print(report: &LagReport) {
    println!("orders, until every read model shows them:");
    print_line("from when it was due", &report.orders);
    println!("from the acknowledgement:");
    for (name, lag) in &report.lag {
        print_line(name, lag);
    }
}
