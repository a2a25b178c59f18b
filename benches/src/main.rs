//! How fast Daybook's command path is compared with stock cqrs-es with postgres-es, and with `pgbench` inserting the
//! same rows: in turn, on one machine, in one run.
//!
//! All write to one private PostgreSQL with full durability, each to a fresh database, after a checkpoint, and each is
//! measured after a second of warming up. The clients run in the process that they measure, except for `pgbench`, which
//! is a process of its own.

mod arguments;
mod comparison;
mod conflicts;
mod daybook;
mod load;
mod pgbench;
mod postgres;
mod postgres_es;
mod report;
mod row;
mod targets;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;

use self::arguments::{Arguments, Part};
use self::comparison::{Comparison, HotProduct, WithConflicts};
use self::daybook::Spread;
use self::postgres::Postgres;

/// The allocator that the daybook binary has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: [usize; 3] = [1, 64, 512];
const CLIENTS_OF_HOT_PRODUCT: usize = 64;
const CLIENTS_IN_CONFLICT: usize = 512;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let postgres = Postgres::start(&folder).await?;
    let compared = compare_in_rounds(&postgres, &arguments, &folder).await;
    postgres.remove().await;
    let comparison = compared?;

    println!("\n{}", report::Table(&comparison));
    let file = folder.join("append.json");
    fs::write(&file, comparison.to_json()?)
        .with_context(|| format!("could not write {}", file.display()))?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

/// The speed of a disk varies: with several short rounds in turn, all contenders meet the same conditions.
async fn compare_in_rounds(
    postgres: &Postgres,
    arguments: &Arguments,
    folder: &Path,
) -> anyhow::Result<Comparison> {
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        rounds.push(compare(postgres, arguments, folder).await?);
    }
    Comparison::mean(rounds).context("there is at least one round")
}

async fn compare(
    postgres: &Postgres,
    arguments: &Arguments,
    folder: &Path,
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::new(arguments.seconds, postgres.settings().await?);
    for clients in CLIENTS {
        measure_appends(postgres, arguments, folder, clients, &mut comparison).await?;
    }
    if arguments.wants(Part::HotProduct) {
        comparison.hot_product = Some(measure_hot_product(postgres, arguments).await?);
    }
    if arguments.wants(Part::Conflicts) {
        comparison.conflicts = Some(measure_conflicts(postgres, arguments).await?);
    }
    Ok(comparison)
}

/// Measures appends of one event to one new stream, in four ways.
async fn measure_appends(
    postgres: &Postgres,
    arguments: &Arguments,
    folder: &Path,
    clients: usize,
    comparison: &mut Comparison,
) -> anyhow::Result<()> {
    let duration = arguments.duration();
    if arguments.wants(Part::PostgresEs) {
        let figure = postgres_es::appends(postgres, clients, duration).await?;
        let appends = comparison.appends(clients);
        appends.postgres_es = Some(progress(clients, "postgres-es", figure));
        appends.postgres_es_connections = Some(postgres_es::connections(clients));
    }
    if arguments.wants(Part::Pgbench) {
        let figure = pgbench::appends(postgres, folder, clients, duration).await?;
        comparison.appends(clients).pgbench = Some(progress(clients, "pgbench", figure));
    }
    if arguments.wants(Part::Daybook) {
        let figure = daybook::appends(postgres, clients, duration, false).await?;
        comparison.appends(clients).daybook = Some(progress(clients, "daybook", figure));
        let figure = daybook::appends(postgres, clients, duration, true).await?;
        let figure = progress(clients, "daybook, keyed", figure);
        comparison.appends(clients).daybook_keyed = Some(figure);
    }
    Ok(())
}

async fn measure_hot_product(
    postgres: &Postgres,
    arguments: &Arguments,
) -> anyhow::Result<HotProduct> {
    let (clients, duration) = (CLIENTS_OF_HOT_PRODUCT, arguments.duration());
    let many = Spread::Products(daybook::MANY_PRODUCTS);
    let many_products = daybook::orders(postgres, clients, duration, many).await?;
    progress(clients, "orders, many products", many_products);
    let one_product = daybook::orders(postgres, clients, duration, Spread::OneProduct).await?;
    progress(clients, "orders, one product", one_product);
    Ok(HotProduct {
        clients,
        many_products,
        one_product,
    })
}

async fn measure_conflicts(
    postgres: &Postgres,
    arguments: &Arguments,
) -> anyhow::Result<WithConflicts> {
    let (clients, duration) = (CLIENTS_IN_CONFLICT, arguments.duration());
    let without = conflicts::appends(postgres, clients, duration, None).await?;
    progress(clients, "no conflicts", without);
    let one_in_a_hundred = conflicts::appends(postgres, clients, duration, Some(100)).await?;
    progress(clients, "one in 100 in conflict", one_in_a_hundred);
    Ok(WithConflicts {
        clients,
        without,
        one_in_a_hundred,
    })
}

/// Prints the figure, and returns it.
fn progress(clients: usize, what: &str, per_second: f64) -> f64 {
    eprintln!("{clients:>4} clients  {what:<24}{per_second:>9.0}/s");
    per_second
}

/// `target/bench`, wherever `target` is.
fn folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"),
        PathBuf::from,
    );
    target.join("bench")
}
