//! Appends a second, side by side: stock cqrs-es with postgres-es, pgbench inserting the same rows,
//! and Daybook's command path. All against one PostgreSQL with its durable settings, in turn, in one
//! go, so that only the ratios need to be believed.

mod daybook;
mod figures;
mod pgbench;
mod postgres_es;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use figures::{Comparison, HotProduct, Rates};
use server::Server;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: [usize; 3] = [1, 64, 512];
const MANY_PRODUCTS: usize = 1000;

#[derive(Parser)]
#[command(about = "Compares appends a second: postgres-es, pgbench, Daybook")]
struct Args {
    /// How long each figure is measured, in each round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often everything is measured; figures are means
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Where the figures are written
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let duration = Duration::from_secs(args.seconds);
    std::fs::create_dir_all(&args.out)?;
    let server = Server::start().await?;
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        println!("round {round} of {}", args.rounds);
        rounds.push(measure(&server, &args, duration).await?);
    }
    server.stop().await;
    let comparison = Comparison::mean(&rounds);
    println!("\n{comparison}");
    let file = args.out.join("append.json");
    std::fs::write(&file, serde_json::to_string_pretty(&comparison)?)?;
    println!("written to {}", file.display());
    Ok(())
}

async fn measure(server: &Server, args: &Args, duration: Duration) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for clients in CLIENTS {
        let postgres_es =
            postgres_es::rate(&server.fresh("postgres_es").await?, clients, duration).await?;
        let pgbench = pgbench::rate(
            &server.fresh("pgbench").await?,
            clients,
            duration,
            &args.out,
        )
        .await?;
        let shop = daybook::open(&server.shop().await?).await?;
        let daybook = daybook::rate(&shop, clients, duration, false).await?;
        server.settle().await?;
        let daybook_keyed = daybook::rate(&shop, clients, duration, true).await?;
        shop.close().await;
        let rates = Rates {
            postgres_es,
            pgbench,
            daybook,
            daybook_keyed,
        };
        println!("{clients:>4} clients: {rates}");
        comparison.clients.insert(clients, rates);
    }
    let shop = daybook::open(&server.shop().await?).await?;
    let many_products = daybook::orders(&shop, 64, duration, MANY_PRODUCTS).await?;
    server.settle().await?;
    let one_product = daybook::orders(&shop, 64, duration, 1).await?;
    shop.close().await;
    comparison.hot_product = HotProduct {
        clients: 64,
        many_products,
        one_product,
    };
    Ok(comparison)
}
