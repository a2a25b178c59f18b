mod append;
mod audit;
mod http;
mod lag;
mod rebuild;
mod scratch;

use std::time::Duration;

use clap::{Args, Subcommand};
use daybook_bench::Report;

use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Append(append::Arguments),
    Audit(audit::Arguments),
    Http(http::Arguments),
    Lag(lag::Arguments),
    Rebuild(rebuild::Arguments),
}

#[derive(Args, Clone, Copy, Debug)]
struct LoadArguments {
    /// Clients that are busy at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// How long each figure is measured
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl LoadArguments {
    fn clients(self) -> usize {
        self.clients as usize
    }

    fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Append(arguments) => append::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Http(arguments) => http::run(arguments),
        Command::Lag(arguments) => lag::run(arguments),
        Command::Rebuild(arguments) => rebuild::run(arguments),
    }
}

/// A figure beside its name.
fn print_line(name: &str, report: &Report) {
    println!("  {name:<24}{report}");
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(Failure::json)?;
    println!("{json}");
    Ok(())
}
