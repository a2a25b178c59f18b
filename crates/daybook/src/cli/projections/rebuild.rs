//! Commands that take a while: rebuild, verify, rollback, and a read model as it was at a moment.

use std::sync::Arc;

use clap::{ArgGroup, Args};
use daybook_history::past::Moment;
use daybook_projections::operate::{self, Instruction, Reason};
use daybook_projections::projection::Projection;
use daybook_projections::rebuild::{BuildError, Builder, Results};
use daybook_projections::registry::{projection, registry};
use daybook_projections::schema::SchemaName;

use super::ProjectionsError;
use super::report::{Reporter, Verdict, tell_as_of, tell_results, tell_rollback};
use crate::cli::moment::{moment, position_at};
use crate::cli::open_shop::{DatabaseArguments, OpenShop, operator};
use crate::failure::Failure;

/// Build read models anew beside the live ones, compare them, and switch them in.
///
/// Readers notice nothing: the live tables are updated until one transaction exchanges them. If it is stopped or killed
/// on the way, the live tables stay as they are; the next call starts from the beginning. A read model whose projector is
/// paused stays as it is: it is not switched, only compared or built as it was.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections rebuild --all
  daybook projections rebuild orders --dry-run          compared, not switched in
  daybook projections rebuild orders --as-of 2026-03-01 --into orders_march
  daybook projections rebuild orders --as-of 4711 --into orders_4711
A read model as it was is there to be queried with SQL, until its schema is dropped.")]
pub(crate) struct RebuildArguments {
    #[command(flatten)]
    which: Which,
    /// Stop after the comparison
    #[arg(long)]
    dry_run: bool,
    /// Build it as it was at a position, an instant or a date's midnight UTC, beside today's
    #[arg(long, value_name = "POSITION|INSTANT|DATE", value_parser = moment, requires = "into",
        conflicts_with_all = ["all", "dry_run"])]
    as_of: Option<Moment>,
    /// The new schema for that
    #[arg(long, value_name = "SCHEMA", requires = "as_of")]
    into: Option<SchemaName>,
    /// The reason, for the record
    #[arg(long)]
    reason: Option<Reason>,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// Build read models anew and compare them with the live ones, row by row.
///
/// Prints `identical` with the number of rows and their SHA-256, or the first rows that differ, and then exits with
/// status 1.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections verify --all
  daybook projections verify orders analytics --json")]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    database: DatabaseArguments,
}

/// Switch back to the version that the last rebuild replaced, after bringing it up to date.
///
/// Refused while the projector is paused: its read model stays as it is until it is resumed.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook projections rollback orders --reason 'the new rows are slower'")]
pub(crate) struct RollbackArguments {
    /// The projection
    name: String,
    /// The reason, for the record
    #[arg(long)]
    reason: Option<Reason>,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).multiple(false))]
struct Which {
    /// The projections
    #[arg(value_name = "NAME", group = "which")]
    names: Vec<String>,
    /// All of them, in one pass over the log
    #[arg(long, group = "which")]
    all: bool,
}

impl Which {
    fn projections(&self) -> Result<Vec<Arc<dyn Projection>>, Failure> {
        if self.all {
            return Ok(registry());
        }
        let mut found: Vec<Arc<dyn Projection>> = Vec::new();
        for name in &self.names {
            let projection = projection(name)?;
            if !found.iter().any(|one| one.name() == projection.name()) {
                found.push(projection);
            }
        }
        Ok(found)
    }
}

pub(super) fn run_rebuild(arguments: RebuildArguments) -> Result<(), Failure> {
    let projections = arguments.which.projections()?;
    if let (Some(as_of), Some(into)) = (arguments.as_of, &arguments.into) {
        let [projection] = &projections[..] else {
            return Err(Failure::Arguments(
                "--as-of takes one projection at a time".to_owned(),
            ));
        };
        return run_as_of(&arguments, projection, as_of, into);
    }
    let (database, instruction) = (
        &arguments.database,
        Instruction::new(operator(), arguments.reason),
    );
    database.run(|shop, stop| async move {
        let builder = builder(&shop).await?;
        let reporter = Reporter::new();
        let report = |progress: &_| reporter.report(progress);
        let results = operate::rebuild(
            &builder,
            &projections,
            arguments.dry_run,
            &instruction,
            &report,
            &stop,
        )
        .await;
        reporter.finish();
        tell_results(database, &results)?;
        conclude(results, arguments.dry_run)
    })
}

pub(super) fn run_verify(arguments: VerifyArguments) -> Result<(), Failure> {
    let projections = arguments.which.projections()?;
    let (database, instruction) = (&arguments.database, Instruction::new(operator(), None));
    database.run(|shop, stop| async move {
        let builder = builder(&shop).await?;
        let reporter = Reporter::new();
        let report = |progress: &_| reporter.report(progress);
        let results = operate::verify(&builder, &projections, &instruction, &report, &stop).await;
        reporter.finish();
        tell_results(database, &results)?;
        conclude(results, true)
    })
}

pub(super) fn run_rollback(arguments: RollbackArguments) -> Result<(), Failure> {
    let projection = projection(&arguments.name)?;
    let (database, instruction) = (
        &arguments.database,
        Instruction::new(operator(), arguments.reason),
    );
    database.run(|shop, stop| async move {
        let builder = builder(&shop).await?;
        let reporter = Reporter::new();
        let report = |progress: &_| reporter.report(progress);
        let result = operate::rollback(&builder, &projection, &instruction, &report, &stop).await;
        reporter.finish();
        let built = result.map_err(|error| failed(projection.name(), error))?;
        tell_rollback(database, &built)
    })
}

fn run_as_of(
    arguments: &RebuildArguments,
    projection: &Arc<dyn Projection>,
    as_of: Moment,
    schema: &SchemaName,
) -> Result<(), Failure> {
    let instruction = Instruction::new(operator(), arguments.reason.clone());
    let database = &arguments.database;
    database.run(|shop, stop| async move {
        let builder = builder(&shop).await?;
        let position = position_at(&builder.feed, "--as-of", as_of).await?;
        let reporter = Reporter::new();
        let report = |progress: &_| reporter.report(progress);
        let result = operate::build_as_of(
            &builder,
            projection,
            position,
            schema,
            &instruction,
            &report,
            &stop,
        )
        .await;
        reporter.finish();
        let built = result.map_err(|error| failed(projection.name(), error))?;
        tell_as_of(database, &**projection, &built, schema)
    })
}

async fn builder(shop: &OpenShop) -> Result<Builder, Failure> {
    let name = format!("{} pid-{}", operator(), std::process::id());
    let mut builder = Builder::new(shop.feed().await?, shop.database.pool.clone(), name);
    // One connection for each part, and three more.
    builder.pool = shop.database.worker_pool(builder.parts as u32 + 3);
    Ok(builder)
}

/// The exit status: that of the first failure; or, if the command was to compare, an error if rows differ.
fn conclude(results: Results, comparing: bool) -> Result<(), Failure> {
    let mut differing = Vec::new();
    for (name, result) in results {
        match result {
            Err(error) => return Err(failed(name, error)),
            Ok(built) if comparing && Verdict::of(&built) == Verdict::Differs => {
                differing.push(name)
            }
            Ok(_) => {}
        }
    }
    match differing.is_empty() {
        true => Ok(()),
        false => Err(ProjectionsError::Differs {
            names: differing.join(", "),
        }
        .into()),
    }
}

fn failed(name: &'static str, source: BuildError) -> Failure {
    ProjectionsError::NotBuilt { name, source }.into()
}
