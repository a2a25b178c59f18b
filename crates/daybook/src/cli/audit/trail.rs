use clap::Args;
use daybook_domain::{AggregateType, StreamId};
use uuid::Uuid;

use super::lines::{Form, print, trail_of};
use super::not_in_the_log;
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::values::id;
use crate::failure::Failure;

/// Show what happened to one thing, the oldest first
///
/// Prints a line for each event: position, time, who acted, and what happened in words. Personal data is shown unless
/// its key has been destroyed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit trail order 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a
  daybook audit trail product 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a --json | jq .sentence")]
pub(crate) struct Arguments {
    /// The type of the thing: user, category, product, stock or order
    #[arg(value_name = "TYPE")]
    aggregate_type: AggregateType,
    /// Its id, as in the API's answers; a stock has its product's id
    #[arg(value_parser = id)]
    id: Uuid,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stream = StreamId::new(arguments.aggregate_type, arguments.id);
    let database = &arguments.database;
    database.run(|shop, stop| async move {
        let walk = trail_of(&shop).await?.walk_stream(stream, i64::MAX);
        let form = Form::of(database, Form::WithoutStream);
        match print(walk, form, usize::MAX, &stop).await? {
            0 => Err(not_in_the_log(format!("{stream} has no events"))),
            _ => Ok(()),
        }
    })
}
