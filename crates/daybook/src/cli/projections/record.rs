//! Lists the skipped events, and the operators' actions.

use clap::Args;
use daybook_projections::operate::{self, Action, DeadLetter, Detail};
use daybook_projections::registry::projection;
use daybook_projections::{Paging, QueryError};

use super::ProjectionsError;
use super::detail::in_words;
use super::table::table;
use crate::cli::open_shop::DatabaseArguments;
use crate::cli::values::positive;
use crate::failure::Failure;

/// List the events that a projection skips, by position
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections dead-letters orders
  daybook projections dead-letters orders --json | jq -r '.[].position'")]
pub(crate) struct DeadLettersArguments {
    /// The projection
    name: String,
    #[command(flatten)]
    page: PageArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// List the operators' actions, the newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections actions
  daybook projections actions orders --limit 10 --json")]
pub(crate) struct ActionsArguments {
    /// Only on this projection
    name: Option<String>,
    #[command(flatten)]
    page: PageArguments,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Args, Clone, Copy, Debug)]
struct PageArguments {
    /// The number of the page, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive::<u32>)]
    page: u32,
    /// The size of a page
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

pub(super) fn dead_letters(arguments: DeadLettersArguments) -> Result<(), Failure> {
    let name = projection(&arguments.name)?.name();
    let paging = Paging::page(arguments.page.page, arguments.page.limit);
    let database = &arguments.database;
    database.run(|shop, _stop| async move {
        let found = operate::dead_letters(&shop.database.pool, name, &paging).await;
        let found = found.map_err(failure("looking at the dead letters"))?;
        database.tell(&found.items, || {
            let columns = [
                "POSITION", "STREAM", "SEQUENCE", "TYPE", "AT", "ACTOR", "REASON", "ERROR",
            ];
            let shown = table(&columns, found.items.iter().map(letter));
            format!("{shown}{}", rest(found.items.len(), found.total))
        })
    })
}

pub(super) fn actions(arguments: ActionsArguments) -> Result<(), Failure> {
    let name = match &arguments.name {
        Some(name) => Some(projection(name)?.name()),
        None => None,
    };
    let paging = Paging::page(arguments.page.page, arguments.page.limit);
    let database = &arguments.database;
    database.run(|shop, _stop| async move {
        let found = operate::actions(&shop.database.pool, name, &paging).await;
        let found = found.map_err(failure("looking at the operators' actions"))?;
        database.tell(&found.items, || {
            let columns = ["AT", "ACTOR", "ACTION", "PROJECTION", "REASON", "DETAIL"];
            let shown = table(&columns, found.items.iter().map(action));
            format!("{shown}{}", rest(found.items.len(), found.total))
        })
    })
}

fn letter(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.position.to_string(),
        letter.stream.clone(),
        letter.sequence.to_string(),
        letter.event_type.clone(),
        letter.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        letter.actor.clone(),
        letter.reason.clone(),
        letter.error.clone(),
    ]
}

fn action(action: &Action) -> Vec<String> {
    let Detail(detail) = &action.detail;
    let reason = detail["reason"].as_str().unwrap_or_default();
    vec![
        action.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        action.actor.clone(),
        action.action.clone(),
        action.name.clone(),
        reason.to_owned(),
        in_words(&action.action, detail),
    ]
}

fn rest(shown: usize, total: i64) -> String {
    match total > shown as i64 {
        true => format!("{shown} of {total}; see --page and --limit.\n"),
        false => String::new(),
    }
}

fn failure(what: &'static str) -> impl FnOnce(QueryError) -> Failure {
    move |source| ProjectionsError::Query { what, source }.into()
}
