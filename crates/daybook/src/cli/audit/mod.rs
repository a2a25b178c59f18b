//! `daybook audit`: the log's history, and proofs of it.

mod accept_restored;
mod diff;
mod error;
mod lines;
mod search;
mod show;
mod trail;
mod trusted;
mod unknown_key;
mod verify;
mod verify_proof;

use std::ffi::OsString;

use clap::Subcommand;

pub(crate) use self::error::CheckError;
use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Verify(verify::Arguments),
    VerifyProof(verify_proof::Arguments),
    Trail(trail::Arguments),
    Search(search::Arguments),
    Show(show::Arguments),
    Diff(diff::Arguments),
    AcceptRestored(accept_restored::Arguments),
}

/// Whether the exit status is the answer.
pub(super) fn answers_by_status(arguments: &[OsString]) -> bool {
    let is = |n: usize, name| arguments.get(n).is_some_and(|argument| argument == name);
    is(1, "audit") && (is(2, "verify") || is(2, "verify-proof"))
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify(arguments) => verify::run(&arguments),
        Command::VerifyProof(arguments) => verify_proof::run(&arguments),
        Command::Trail(arguments) => trail::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::AcceptRestored(arguments) => accept_restored::run(arguments),
    }
}

fn not_in_the_log(what: String) -> Failure {
    Failure::NothingThere {
        what,
        remedy: "look it up with `daybook audit search`",
    }
}
