//! `daybook keys`: the keys outside of the database. Shows public parts only.

mod rotate_access_token;
mod rotate_checkpoint;
mod rotate_master;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Show(show::Arguments),
    /// Replace a key by a new one
    #[command(subcommand)]
    Rotate(Rotate),
}

#[derive(Subcommand, Debug)]
pub(crate) enum Rotate {
    AccessToken(rotate_access_token::Arguments),
    Checkpoint(rotate_checkpoint::Arguments),
    Master(rotate_master::Arguments),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show::run(&arguments),
        Command::Rotate(Rotate::AccessToken(arguments)) => rotate_access_token::run(&arguments),
        Command::Rotate(Rotate::Checkpoint(arguments)) => rotate_checkpoint::run(&arguments),
        Command::Rotate(Rotate::Master(arguments)) => rotate_master::run(arguments),
    }
}
