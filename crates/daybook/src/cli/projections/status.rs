use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use daybook_projections::{BuildStatus, ProjectionStatus, status};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::table::table;
use crate::cli::open_shop::{DatabaseArguments, OpenShop};
use crate::failure::Failure;

/// Moves the cursor to the upper left corner, and clears everything below.
const REDRAW: &str = "\x1b[H\x1b[J";
const CLEAR: &str = "\x1b[2J";

/// Show how far each read model is, and who updates it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections status
  daybook projections status --watch=0.2
  daybook projections status --json | jq '.[] | select(.state != \"live\")'")]
pub(crate) struct Arguments {
    /// Print it again every so many seconds, until Ctrl-C; with --json one array on each line
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = seconds
    )]
    watch: Option<Duration>,
    #[command(flatten)]
    database: DatabaseArguments,
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    match (0.1..=3_600.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("expected 0.1 to 3600 seconds"),
    }
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let database = arguments.database;
    database.run(|shop, stop| {
        let database = database.clone();
        async move {
            match arguments.watch {
                Some(every) => watch(&database, &shop, every, &stop).await,
                None => {
                    let found = look(&shop).await?;
                    database.tell(&found, || in_words(&found))
                }
            }
        }
    })
}

async fn look(shop: &OpenShop) -> Result<Vec<ProjectionStatus>, Failure> {
    Ok(status(&shop.database.pool, &shop.blind_feed()).await?)
}

async fn watch(
    database: &DatabaseArguments,
    shop: &OpenShop,
    every: Duration,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let on_terminal = io::stdout().is_terminal() && !database.json;
    if on_terminal {
        print!("{CLEAR}");
    }
    while !stop.is_cancelled() {
        let found = look(shop).await?;
        let text = match database.json {
            true => format!("{}\n", serde_json::json!(found)),
            false if on_terminal => format!("{REDRAW}{}", in_words(&found)),
            false => format!("{}\n", in_words(&found)),
        };
        let mut out = io::stdout().lock();
        // The reader has closed the pipe (`| head`).
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return Ok(());
        }
        drop(out);
        let _ = stop.run_until_cancelled(sleep(every)).await;
    }
    Ok(())
}

fn in_words(found: &[ProjectionStatus]) -> String {
    let columns = [
        "NAME", "VERSION", "STATE", "POSITION", "HEAD", "LAG", "SECONDS", "EVENTS/S", "SKIPPED",
        "WORKER",
    ];
    let mut text = table(&columns, found.iter().map(row));
    for status in found {
        if let Some(build) = &status.build {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{}: {}", status.name, of_build(build));
        }
        if let Some(error) = &status.error {
            let _ = writeln!(text, "\n{} cannot get past an event: {error}", status.name);
        }
    }
    text
}

fn row(status: &ProjectionStatus) -> Vec<String> {
    vec![
        status.name.clone(),
        status.version.to_string(),
        status.state.as_str().to_owned(),
        status.position.to_string(),
        status.head.to_string(),
        status.lag_events.to_string(),
        format!("{:.1}", status.lag_seconds),
        format!("{:.0}", status.events_per_second),
        status.dead_letters.to_string(),
        status.worker.clone().unwrap_or_else(|| "nobody".to_owned()),
    ]
}

fn of_build(build: &BuildStatus) -> String {
    format!(
        "{} in schema {} by {} since {}: {}, position {} of {}, {:.0} events/s",
        build.purpose,
        build.schema,
        build.builder,
        build.started_at.format("%Y-%m-%d %H:%M:%S UTC"),
        build.phase,
        build.position,
        build.target,
        build.events_per_second
    )
}
