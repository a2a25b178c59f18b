use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use clap::Args;
use daybook_domain::StreamId;
use daybook_keys::MasterKey;
use daybook_log::{Codec, Position, Replay, Secrets, Selection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event_types::{is_known, perhaps};
use super::runtime;
use super::values::{in_order, positive};
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::site::database::{Database, IfRunning};

/// Print events as they are stored, one JSON object on a line.
///
/// Reads the log and changes nothing. Prints events exactly as they were written, also those of types that this binary
/// does not know. Personal data is printed encrypted, or with --personal decrypted if its key has not been destroyed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook replay --type order.placed | jq .data
  daybook replay --from 1000 --to 2000 | gzip > events.ndjson.gz
  daybook replay --stream order/0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a")]
pub(crate) struct Arguments {
    /// The first position
    #[arg(long, value_name = "POSITION", default_value_t = 1, value_parser = positive::<Position>)]
    from: Position,
    /// The last position; by default the log's last
    #[arg(long, value_name = "POSITION", value_parser = positive::<Position>)]
    to: Option<Position>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events of this stream
    #[arg(long, value_name = "TYPE/ID", value_parser = stream)]
    stream: Option<StreamId>,
    /// Decrypt personal data
    #[arg(long)]
    personal: bool,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    in_order(("--from", Some(arguments.from)), ("--to", arguments.to))?;
    let log = arguments.log.clone();
    runtime::run_quietly(&log, |stop| async move {
        Database::must_exist(&arguments.database, &arguments.data)?;
        let database =
            Database::open(&arguments.database, &arguments.data, IfRunning::Join).await?;
        let printed = tokio::select! {
            printed = print(&database, &arguments, &stop) => printed,
            () = stop.cancelled() => Err(Failure::Interrupted),
        };
        database.close().await;
        printed
    })
}

async fn print(
    database: &Database,
    arguments: &Arguments,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    // Not the pool of the queries: reading a section of large events may take longer than their time limit.
    let pool = database.worker_pool(2);
    let codec = match arguments.personal {
        true => {
            let master_key =
                MasterKey::existing(&arguments.data.folder, arguments.data.master_key())?;
            let secrets = Arc::new(Secrets::open(&pool, master_key.expose()).await??);
            Some(Codec::new(pool.clone(), secrets))
        }
        false => None,
    };
    let selection = Selection {
        from: arguments.from,
        to: arguments.to.unwrap_or(Position::MAX),
        types: arguments.types.clone(),
        stream: arguments.stream,
    };
    let mut replay = Replay::new(pool, codec, selection).await?;
    // A later Daybook may have written events of types that this one does not know.
    let mut unknown: Vec<&String> = arguments.types.iter().collect();
    unknown.retain(|name| !is_known(name));
    let mut out = io::BufWriter::new(io::stdout());
    while let Some(events) = replay.next().await? {
        unknown.retain(|name| events.iter().all(|event| event.r#type != **name));
        let written = events.iter().try_for_each(|event| {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")
        });
        match written.and_then(|()| out.flush()) {
            Ok(()) => {}
            // The reader has closed the pipe (`| head`).
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(source) => {
                return Err(Failure::Write {
                    what: "write to its output",
                    source,
                });
            }
        }
        if stop.is_cancelled() {
            return Err(Failure::Interrupted);
        }
    }
    unknown
        .first()
        .map_or(Ok(()), |name| Err(no_events_of(name)))
}

fn no_events_of(name: &str) -> Failure {
    let perhaps = perhaps(name);
    Failure::NothingThere {
        what: format!(
            "no event of the type {name} was found, and this Daybook knows none{perhaps}"
        ),
        remedy: "see which types there are with `daybook replay | jq -r .type | sort -u`",
    }
}

fn stream(text: &str) -> Result<StreamId, &'static str> {
    let expected = "expected a type and an id, such as order/0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a";
    let (aggregate_type, id) = text.split_once('/').ok_or(expected)?;
    let aggregate_type = aggregate_type.parse().map_err(|_| expected)?;
    let id = Uuid::parse_str(id).map_err(|_| expected)?;
    Ok(StreamId::new(aggregate_type, id))
}
