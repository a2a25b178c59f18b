use std::fmt::Write as _;

use clap::{Args, Subcommand};
use daybook_log::{Codec, Feed, Secrets};
use daybook_projections::{ProjectionStatus, registry, status};

use super::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig};
use crate::failure::Failure;
use crate::server::database::{Database, IfRunning};

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// The read models that this binary has
    List(ListArguments),
    Status(StatusArguments),
}

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How far each read model is, and who keeps it up.
///
/// Can be asked beside a running `daybook serve`, also where that has a private PostgreSQL.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => {
            print_list(arguments.json);
            Ok(())
        }
        Command::Status(arguments) => {
            let log = arguments.log.clone();
            runtime::run(&log, |_stop| print_status(arguments))
        }
    }
}

fn print_list(json: bool) {
    let projections = registry();
    if json {
        let list: Vec<_> = projections
            .iter()
            .map(|projection| serde_json::json!({ "name": projection.name(), "version": projection.version() }))
            .collect();
        println!("{}", serde_json::Value::from(list));
        return;
    }
    let rows = projections.iter().map(|projection| {
        vec![
            projection.name().to_owned(),
            projection.version().to_string(),
        ]
    });
    print!("{}", table(&["NAME", "VERSION"], rows));
}

async fn print_status(arguments: StatusArguments) -> Result<(), Failure> {
    Database::must_exist(&arguments.database, &arguments.data)?;
    let database = Database::open(&arguments.database, &arguments.data, IfRunning::Join).await?;
    let found = look(&database).await;
    database.close().await;
    let found = found?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&found).map_err(|source| Failure::Unusable {
            what: "the status",
            source: source.into(),
        })?;
        println!("{json}");
    } else {
        let columns = [
            "NAME", "VERSION", "STATE", "POSITION", "HEAD", "LAG", "SECONDS", "WORKER",
        ];
        print!("{}", table(&columns, found.iter().map(row)));
        for halted in found.iter().filter(|status| status.error.is_some()) {
            let error = halted
                .error
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            println!("\n{} cannot get past an event: {error}", halted.name);
        }
    }
    Ok(())
}

async fn look(database: &Database) -> Result<Vec<ProjectionStatus>, Failure> {
    // Only the log's head is asked for, which is no secret: looking on must not make a master key.
    let secrets = Secrets::from_master_key(&[0; 32]);
    let feed = Feed::new(
        database.pool.clone(),
        Codec::new(database.pool.clone(), secrets.into()),
    );
    Ok(status(&database.pool, &feed).await?)
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
        status.worker.clone().unwrap_or_else(|| "nobody".to_owned()),
    ]
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(ToString::to_string).collect()];
    lines.extend(rows);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(row, "{cell:<width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["catalog".to_owned(), "1".to_owned()],
            vec!["orders".to_owned(), "12".to_owned()],
        ];
        assert_eq!(
            table(&["NAME", "VERSION"], rows.into_iter()),
            "NAME     VERSION\ncatalog  1\norders   12\n"
        );
    }
}
