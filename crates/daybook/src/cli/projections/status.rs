use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use daybook_projections::{BuildStatus, Pause, ProjectionStatus, status};
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::table::table;
use crate::cli::open_shop::{DatabaseArguments, OpenShop};
use crate::cli::printable::printable;
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
    /// Print it again every so many seconds, until Ctrl-C; with --json one array on each line. While the database does
    /// not answer, print that instead
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
        let Some(looked) = stop.run_until_cancelled(look(shop)).await else {
            break;
        };
        match looked {
            Ok(found) => {
                let text = match database.json {
                    true => format!("{}\n", serde_json::json!(found)),
                    false if on_terminal => format!("{REDRAW}{}", in_words(&found)),
                    false => format!("{}\n", in_words(&found)),
                };
                // The reader has closed the pipe (`| head`).
                if print(&text).is_err() {
                    break;
                }
            }
            // It may be back when it is looked at again.
            Err(failure) => eprintln!("{}", failure.line()),
        }
        let _ = stop.run_until_cancelled(sleep(every)).await;
    }
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
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
        if let Some(pause) = &status.paused {
            let _ = writeln!(text, "\n{}", of_pause(&status.name, pause));
        }
        if let Some(halt) = &status.error {
            let _ = writeln!(text, "\n{}", of_halt(&status.name, halt));
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

fn of_pause(name: &str, pause: &Pause) -> String {
    let at = pause.at.format("%Y-%m-%d %H:%M:%S UTC");
    let why = match &pause.reason {
        Some(reason) => format!(": {}", printable(reason)),
        None => ", without a reason".to_owned(),
    };
    format!("{name} was paused by {} at {at}{why}", pause.actor)
}

/// What a projector halted at, and how it goes on.
fn of_halt(name: &str, halt: &Value) -> String {
    let text = |field: &str| halt[field].as_str().map(printable);
    let position = &halt["position"];
    let event = match text("eventType").zip(text("stream")) {
        Some((event_type, stream)) => format!(", {event_type} of {stream}"),
        None => String::new(),
    };
    let error = text("error").unwrap_or_else(|| "it is not known why".to_owned());
    format!(
        "{name} cannot get past the event at position {position}{event}: {error}\n  \
         once the cause is mended: daybook projections retry {name}\n  \
         to pass over it for good: daybook projections skip {name} --position {position} --reason ..."
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pause_and_a_halt_are_told_in_words() {
        let mut pause = Pause {
            actor: "cli:ann".to_owned(),
            at: "2026-11-23T01:11:53Z".parse().unwrap(),
            reason: Some("a walk".to_owned()),
        };
        assert_eq!(
            of_pause("orders", &pause),
            "orders was paused by cli:ann at 2026-11-23 01:11:53 UTC: a walk"
        );
        pause.reason = None;
        assert!(of_pause("orders", &pause).ends_with("UTC, without a reason"));

        let halt = json!({
            "position": 49, "stream": "order/7", "eventType": "order.teleported", "error": "unknown variant"
        });
        let told = of_halt("orders", &halt);
        assert_eq!(
            told.lines().next(),
            Some(
                "orders cannot get past the event at position 49, order.teleported of order/7: unknown variant"
            )
        );
        assert!(told.contains("skip orders --position 49"), "{told}");
        let gap = of_halt("orders", &json!({ "position": 49, "error": "a gap" }));
        assert!(gap.starts_with("orders cannot get past the event at position 49: a gap\n"));
    }
}
