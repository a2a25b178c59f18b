//! `daybook outbox`: messages that wait to be sent to people. For operators, who have the database and the master key;
//! HTTP shows nothing of it.

mod list;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    List(list::Arguments),
    Show(show::Arguments),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
    }
}
