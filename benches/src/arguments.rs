use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Compares Daybook's command path with stock cqrs-es with postgres-es and with pgbench, at 1, 64 and 512 clients.
///
/// Starts a PostgreSQL of its own in target/bench, prints the figures, their ratios and the target ratios, and writes
/// them to target/bench/append.json.
#[derive(Parser, Debug)]
#[command(name = "daybook-benches")]
pub(crate) struct Arguments {
    /// How many rounds are measured; the figures are means of them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// How long each figure is measured in a round, after a second of warming up
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Measure only these, separated by commas; the file then holds only their figures
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Stock cqrs-es with postgres-es
    PostgresEs,
    /// The same single rows, inserted into a plain table
    Pgbench,
    /// Daybook's command path, without and with idempotency keys
    Daybook,
    /// Orders for one product, and orders for many
    HotProduct,
    /// One append in a hundred in conflict
    Conflicts,
}

impl Arguments {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
