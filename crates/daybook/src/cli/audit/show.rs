use clap::Args;
use daybook_history::trail::{CauseKind, Entry};
use daybook_log::Position;

use super::lines::trail_of;
use super::not_in_the_log;
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::printable::printable;
use crate::cli::values::positive;
use crate::failure::Failure;

/// Show everything about one event
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit show 4711
  daybook audit show 4711 --json | jq .data")]
pub(crate) struct Arguments {
    /// Its position in the log
    #[arg(value_parser = positive::<Position>)]
    position: Position,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let position = arguments.position;
    let database = &arguments.database;
    database.run(|shop, _stop| async move {
        let entry = trail_of(&shop).await?.at(position).await?;
        let Some(entry) = entry else {
            return Err(not_in_the_log(format!(
                "the log has no event at position {position}"
            )));
        };
        database.tell(&entry, || in_words(&entry))
    })
}

fn in_words(entry: &Entry) -> String {
    let cause = match entry.cause.kind {
        CauseKind::Event => "event",
        CauseKind::Request => "request",
    };
    let means = match entry.api_key_id {
        Some(key) => format!("{} {key}", entry.means.as_str()),
        None => entry.means.as_str().to_owned(),
    };
    let instant = "%Y-%m-%d %H:%M:%S%.3f UTC";
    let lines = [
        ("position", entry.position.to_string()),
        (
            "stream",
            format!("{}, event {}", entry.stream, entry.sequence),
        ),
        ("type", entry.r#type.to_string()),
        ("what", entry.sentence.clone()),
        ("happened", entry.at.0.format(instant).to_string()),
        ("recorded", entry.recorded_at.0.format(instant).to_string()),
        ("actor", format!("{} ({means})", entry.actor)),
        ("cause", format!("{cause} {}", entry.cause.id)),
        ("correlation", entry.correlation_id.to_string()),
        ("event id", entry.event_id.to_string()),
        ("data", entry.data.get().to_owned()),
    ];
    lines
        .map(|(name, value)| format!("{name:<12} {}\n", printable(&value)))
        .concat()
}
