use clap::Args;
use daybook_domain::{AggregateType, StreamId};
use uuid::Uuid;

use super::lines::{Form, print, trail_of};
use crate::cli::place::Place;
use crate::failure::Failure;

/// What happened to one thing, the oldest first
///
/// A line for each event: position, time, who, and what in words. Personal data is shown where its
/// key has not been destroyed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit trail order 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a
  daybook audit trail product 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a --json | jq .sentence")]
pub(crate) struct Arguments {
    /// What it is: user, category, product, stock or order
    #[arg(value_name = "TYPE")]
    aggregate_type: AggregateType,
    /// Its id, as the API answers it; a stock has its product's
    id: Uuid,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stream = StreamId::new(arguments.aggregate_type, arguments.id);
    let place = &arguments.place;
    place.run(|site, stop| async move {
        let walk = trail_of(&site).await?.walk_stream(stream, i64::MAX);
        let form = Form::of(place, Form::WithoutStream);
        match print(walk, form, usize::MAX, &stop).await? {
            0 => Err(Failure::Arguments(format!("{stream} has no events"))),
            _ => Ok(()),
        }
    })
}
