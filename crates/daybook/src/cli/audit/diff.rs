use std::fmt::Write as _;

use clap::Args;
use daybook_domain::{AggregateType, StreamId};
use daybook_history::past::{Change, Moment, changes_between};
use daybook_log::{Feed, Position};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::not_in_the_log;
use crate::cli::moment::{moment, position_or_none_at};
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::printable::printable;
use crate::cli::values::{id, in_order};
use crate::failure::Failure;

/// Show what changed about one thing between two moments, field by field
///
/// A moment is a position of the log, or an instant, which means what was recorded by then, or a date,
/// which means midnight UTC. Personal data is shown where its key has not been destroyed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit diff product 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a --from 2026-01-01T00:00:00Z
  daybook audit diff order 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a --from 120 --to 4711 --json")]
pub(crate) struct Arguments {
    /// The type of the thing: user, category, product, stock or order
    #[arg(value_name = "TYPE")]
    aggregate_type: AggregateType,
    /// Its id, as in the API's answers; a stock has its product's id
    #[arg(value_parser = id)]
    id: Uuid,
    /// By default before its first event
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Moment>,
    /// By default now
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Moment>,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stream = StreamId::new(arguments.aggregate_type, arguments.id);
    let database = &arguments.database;
    database.run(|shop, stop| async move {
        let feed = shop.looking_feed().await?;
        let compared = tokio::select! {
            compared = compare(&feed, stream, arguments) => compared?,
            () = stop.cancelled() => return Err(Failure::Interrupted),
        };
        database.tell(&compared, || in_words(&compared))
    })
}

async fn compare(
    feed: &Feed,
    stream: StreamId,
    arguments: &Arguments,
) -> Result<Vec<Change>, Failure> {
    let from = position(feed, "--from", arguments.from).await?.unwrap_or(0);
    let to = position(feed, "--to", arguments.to).await?;
    let to = to.unwrap_or(Position::MAX);
    in_order(("--from", Some(from)), ("--to", Some(to)))?;
    changes_between(feed, stream, from, to)
        .await?
        .ok_or_else(|| not_in_the_log(format!("{stream} has no events")))
}

async fn position(
    feed: &Feed,
    flag: &'static str,
    moment: Option<Moment>,
) -> Result<Option<Position>, Failure> {
    match moment {
        Some(moment) => position_or_none_at(feed, flag, moment).await.map(Some),
        None => Ok(None),
    }
}

fn in_words(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "Nothing changed.\n".to_owned();
    }
    let widths = changes.iter().map(|change| change.pointer.chars().count());
    let width = widths.max().unwrap_or_default();
    let mut text = String::new();
    for change in changes {
        let (before, after) = (shown(&change.before), shown(&change.after));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {before} → {after}", change.pointer);
    }
    text
}

fn shown(value: &Option<Box<RawValue>>) -> String {
    match value {
        Some(value) => printable(value.get()),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_line_up() {
        let json = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
        let changes = [
            Change {
                pointer: "/price".to_owned(),
                before: json("12.50"),
                after: json("11.00"),
            },
            Change {
                pointer: "/trackingNumber".to_owned(),
                before: None,
                after: json(r#""7""#),
            },
        ];
        assert_eq!(
            in_words(&changes),
            "/price           12.50 → 11.00\n/trackingNumber  nothing → \"7\"\n"
        );
        assert_eq!(in_words(&[]), "Nothing changed.\n");
    }
}
