//! `daybook projections`: shows the read models, and operates them.

mod act;
mod detail;
mod error;
mod list;
mod rebuild;
mod record;
mod report;
mod status;
pub(super) mod table;

use clap::Subcommand;

pub(crate) use self::error::ProjectionsError;
use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    List(list::Arguments),
    Status(status::Arguments),
    Rebuild(rebuild::RebuildArguments),
    Verify(rebuild::VerifyArguments),
    Rollback(rebuild::RollbackArguments),
    Pause(act::PauseArguments),
    Resume(act::ResumeArguments),
    Reset(act::ResetArguments),
    Retry(act::RetryArguments),
    Skip(act::SkipArguments),
    DeadLetters(record::DeadLettersArguments),
    Actions(record::ActionsArguments),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Rebuild(arguments) => rebuild::run_rebuild(arguments),
        Command::Verify(arguments) => rebuild::run_verify(arguments),
        Command::Rollback(arguments) => rebuild::run_rollback(arguments),
        Command::Pause(arguments) => act::pause(arguments),
        Command::Resume(arguments) => act::resume(arguments),
        Command::Reset(arguments) => act::reset(arguments),
        Command::Retry(arguments) => act::retry(arguments),
        Command::Skip(arguments) => act::skip(arguments),
        Command::DeadLetters(arguments) => record::dead_letters(arguments),
        Command::Actions(arguments) => record::actions(arguments),
    }
}
