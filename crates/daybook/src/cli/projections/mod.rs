//! `daybook projections`: shows the read models, and operates them.

mod act;
mod build;
mod list;
mod record;
mod report;
mod status;
pub(super) mod table;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    List(list::Arguments),
    Status(status::Arguments),
    Rebuild(build::RebuildArguments),
    Verify(build::VerifyArguments),
    Rollback(build::RollbackArguments),
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
        Command::Rebuild(arguments) => build::rebuild(arguments),
        Command::Verify(arguments) => build::verify(arguments),
        Command::Rollback(arguments) => build::rollback(arguments),
        Command::Pause(arguments) => act::pause(arguments),
        Command::Resume(arguments) => act::resume(arguments),
        Command::Reset(arguments) => act::reset(arguments),
        Command::Retry(arguments) => act::retry(arguments),
        Command::Skip(arguments) => act::skip(arguments),
        Command::DeadLetters(arguments) => record::dead_letters(arguments),
        Command::Actions(arguments) => record::actions(arguments),
    }
}
