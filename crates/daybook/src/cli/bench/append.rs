use clap::Args;
use daybook_bench::append::{self, Spread};
use daybook_commands::CommandBus;
use serde_json::json;

use super::scratch::on_scratch;
use super::{LoadArguments, print_json, print_line};
use crate::cli::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;

/// So many that clients rarely order the same one at the same time.
const MANY_PRODUCTS: usize = 1_000;

/// Measure the command path in this process: load or cache, decide, append.
///
/// Each command appends one event to one new stream. Without DATABASE_URL a scratch PostgreSQL is started and removed
/// again; with it, the appended events stay in that database for good.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook bench append --clients 64 --seconds 10
  daybook bench append --clients 512 --keyed --json
  daybook bench append --clients 64 --hot          one hot product against many")]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: LoadArguments,
    /// Send every command with an idempotency key of its own
    #[arg(long)]
    keyed: bool,
    /// Place single-unit orders instead: spread over many products, then all for one
    #[arg(long)]
    hot: bool,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let log = arguments.log.clone();
    runtime::run_quietly(&log, |stop| async move {
        let (database, data) = (&arguments.database, &arguments.data);
        on_scratch(database, data, stop, async |bench| {
            measure(&arguments, &bench.core.bus).await
        })
        .await
    })
}

async fn measure(arguments: &Arguments, bus: &CommandBus) -> Result<(), Failure> {
    let (clients, duration, keyed) = (
        arguments.load.clients(),
        arguments.load.duration(),
        arguments.keyed,
    );
    if !arguments.hot {
        let report = append::run(bus, clients, duration, keyed).await?;
        if arguments.load.json {
            return print_json(&json!({ "keyed": keyed, "newStreams": report }));
        }
        println!("{clients} clients, {}:", keys(keyed));
        print_line("one event, one stream", &report);
        return Ok(());
    }
    let many = append::run_orders(
        bus,
        clients,
        duration,
        keyed,
        Spread::Products(MANY_PRODUCTS),
    )
    .await?;
    let one = append::run_orders(bus, clients, duration, keyed, Spread::OneProduct).await?;
    let ratio = one.per_second / many.per_second;
    if arguments.load.json {
        let json =
            json!({ "keyed": keyed, "manyProducts": many, "oneProduct": one, "oneToMany": ratio });
        return print_json(&json);
    }
    println!("{clients} clients, single-unit orders, {}:", keys(keyed));
    print_line(&format!("{MANY_PRODUCTS} products"), &many);
    print_line("one product", &one);
    println!("  one product at {ratio:.2} of the rate for many");
    Ok(())
}

fn keys(keyed: bool) -> &'static str {
    if keyed {
        "an idempotency key each"
    } else {
        "no idempotency keys"
    }
}
