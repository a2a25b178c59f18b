use clap::Args;
use daybook_projections::registry;
use serde_json::{Value, json};

use super::table::table;
use crate::failure::Failure;

/// List the read models that this binary has; needs no database
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections list
  daybook projections list --json | jq -r '.[].name'")]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let projections = registry();
    if arguments.json {
        let list = projections.iter().map(
            |projection| json!({ "name": projection.name(), "version": projection.version() }),
        );
        println!("{}", Value::from_iter(list));
        return Ok(());
    }
    let rows = projections.iter().map(|projection| {
        vec![
            projection.name().to_owned(),
            projection.version().to_string(),
        ]
    });
    print!("{}", table(&["NAME", "VERSION"], rows));
    Ok(())
}
