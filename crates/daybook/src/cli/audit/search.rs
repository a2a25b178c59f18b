use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use daybook_domain::{AggregateType, EventType};
use daybook_history::trail::{Criteria, event_type};
use daybook_log::{Actor, Position};
use daybook_projections::status_of;
use daybook_projections::trail::{NAME, TrailOrder};
use uuid::Uuid;

use super::lines::{Form, print, trail_of};
use crate::cli::event_types::perhaps;
use crate::cli::moment::instant;
use crate::cli::open_shop::{DatabaseArguments, OpenShop};
use crate::cli::values::{id, in_order, positive};
use crate::failure::Failure;

/// Find events in all streams that match everything that is given
///
/// Prints a line for each event: position, time, who acted, on what, and what happened in words.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook audit search --actor system:import --limit 20
  daybook audit search --type product.repriced --from 2026-11-01 --to 2026-12-01T12:00:00Z
  daybook audit search --correlation 0190d5a0-5b2f-7c31-9a44-0e6d1f1c2b3a --order asc")]
pub(crate) struct Arguments {
    /// Who acted: user:ID, system:PART or anonymous
    #[arg(long)]
    actor: Option<Actor>,
    /// The type of what it happened to: user, category, product, stock or order
    #[arg(long, value_name = "TYPE")]
    stream_type: Option<AggregateType>,
    /// Only events of this type, such as order.placed; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = known_type)]
    types: Vec<EventType>,
    /// The correlation id, shared by everything that one request caused
    #[arg(long, value_name = "ID", value_parser = id)]
    correlation: Option<Uuid>,
    /// Recorded at or after this RFC 3339 instant, or date, which means midnight UTC
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Recorded before this RFC 3339 instant, or date, which means midnight UTC
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to: Option<DateTime<Utc>>,
    /// The first position
    #[arg(long, value_name = "POSITION", value_parser = positive::<Position>)]
    from_position: Option<Position>,
    /// The last position
    #[arg(long, value_name = "POSITION", value_parser = positive::<Position>)]
    to_position: Option<Position>,
    /// The newest first, or the oldest first
    #[arg(long, value_enum, default_value_t = Order::Desc)]
    order: Order,
    /// How many to print at most; by default all
    #[arg(long, value_name = "N", value_parser = positive::<usize>)]
    limit: Option<usize>,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    Asc,
    Desc,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    in_order(("--from", arguments.from), ("--to", arguments.to))?;
    in_order(
        ("--from-position", arguments.from_position),
        ("--to-position", arguments.to_position),
    )?;
    let database = &arguments.database;
    database.run(|shop, stop| async move {
        tell_if_behind(&shop).await?;
        let trail = trail_of(&shop).await?;
        let order = match arguments.order {
            Order::Asc => TrailOrder::OldestFirst,
            Order::Desc => TrailOrder::NewestFirst,
        };
        let search = trail.search(&arguments.criteria(), order, None).await?;
        let form = Form::of(database, Form::WithStream);
        let limit = arguments.limit.unwrap_or(usize::MAX);
        print(search.walk(), form, limit, &stop).await?;
        Ok(())
    })
}

/// Only a server updates the read model.
async fn tell_if_behind(shop: &OpenShop) -> Result<(), Failure> {
    let status = status_of(&shop.database.pool, &shop.blind_feed(), NAME).await?;
    if let Some(behind) = status
        .map(|status| status.lag_events)
        .filter(|lag| *lag > 0)
    {
        eprintln!(
            "The last {behind} events may not be found yet: the read model {NAME} is behind the log."
        );
    }
    Ok(())
}

impl Arguments {
    fn criteria(&self) -> Criteria {
        Criteria {
            actor: self.actor.clone(),
            stream_type: self.stream_type,
            types: self.types.clone(),
            correlation_id: self.correlation,
            from: self.from,
            to: self.to,
            from_position: self.from_position,
            to_position: self.to_position,
        }
    }
}

fn known_type(name: &str) -> Result<EventType, String> {
    event_type(name).ok_or_else(|| {
        let perhaps = perhaps(name);
        format!("there are no events of this type that this Daybook knows{perhaps}")
    })
}
