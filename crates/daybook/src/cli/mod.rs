//! The command line: one subcommand, one function.

mod audit;
mod bench;
mod event_types;
mod export;
mod import;
mod import_log;
mod keys;
mod migrate;
mod moment;
mod open_shop;
mod openapi;
mod outbox;
mod printable;
mod projections;
mod replay;
mod runtime;
mod seed;
mod serve;
mod values;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub(crate) use self::audit::CheckError;
pub(crate) use self::projections::ProjectionsError;
use crate::failure::Failure;

/// A commerce backend that never forgets: every change is an event in a log in PostgreSQL.
#[derive(Parser, Debug)]
#[command(name = "daybook", version, propagate_version = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Arguments),
    Migrate(migrate::Arguments),
    Seed(seed::Arguments),
    /// Import what another shop recorded
    #[command(subcommand)]
    Import(import::Command),
    /// Show the read models, and operate the projectors that update them
    #[command(subcommand)]
    Projections(projections::Command),
    /// Show the keys that are stored outside of the database, and rotate them
    #[command(subcommand)]
    Keys(keys::Command),
    /// Read the log's history, and check that it is whole
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show the messages to people that wait to be sent
    #[command(subcommand)]
    Outbox(outbox::Command),
    Replay(replay::Arguments),
    Export(export::Arguments),
    ImportLog(import_log::Arguments),
    /// Measure how fast this machine is
    #[command(subcommand)]
    Bench(bench::Command),
    /// Print the OpenAPI document of the HTTP interface
    #[command(after_help = "\
Example:
  daybook openapi > openapi.json")]
    Openapi,
}

const AFTER_HELP: &str = "\
Examples:
  daybook serve                              a shop on this machine, on http://127.0.0.1:8080
  daybook serve --listen 0.0.0.0:80          the same, for others too
  DATABASE_URL=postgres://shop@db/daybook daybook serve --role api
  daybook import orders sales.csv            another shop's past
  daybook projections status                 how far the read models are
  daybook replay --type order.placed         events as lines of JSON
  daybook bench append --clients 64 --seconds 10

Settings come from flags or from the environment; a flag takes precedence:
  DATABASE_URL             the PostgreSQL to use; without it a private one is started
  DATABASE_MIGRATION_URL   the same database as the role that migrates it (DATABASE_URL)
  DAYBOOK_DB_CONNECTIONS   connections that queries may use at once (16)
  DAYBOOK_DATA             folder of the private PostgreSQL and of the keys (.daybook)
  DAYBOOK_MASTER_KEY       32 bytes in base64; by default the file keys/master.key in that folder
  DAYBOOK_NEW_MASTER_KEY   its successor, for `daybook keys rotate master`; by default one is generated
  DAYBOOK_CHECKPOINT_KEY   signs checkpoints; by default the file keys/checkpoint.key in that folder
  DAYBOOK_CHECKPOINTS      where checkpoints are exported to: a folder (checkpoints in that folder),
                           or s3://bucket/prefix with the usual AWS_... variables
  DAYBOOK_ROLE             all, api, projector, sealer, or a list of them (all)
  DAYBOOK_LISTEN           address and port to serve on (127.0.0.1:8080)
  DAYBOOK_TLS_CERT         PEM file with the certificate; with it and its key, only TLS is served
  DAYBOOK_TLS_KEY          PEM file with its private key
  DAYBOOK_PUBLIC_URL       where clients find the server; with https:// browsers are told to keep to TLS
  DAYBOOK_CORS_ORIGINS     origins whose pages may use the API, with commas (none)
  DAYBOOK_ADMIN_EMAIL      the admin made at the first start,
  DAYBOOK_ADMIN_PASSWORD   and the password
  DAYBOOK_ACCESS_TOKEN_MINUTES
                           how long an access token is valid, 1 to 60 (15)
  DAYBOOK_OIDC_ISSUER      the OpenID Connect provider where staff may sign in, too,
  DAYBOOK_OIDC_CLIENT_ID   this shop's id there,
  DAYBOOK_OIDC_CLIENT_SECRET
                           the secret agreed with it, unless this is a public client,
  DAYBOOK_OIDC_REDIRECT_URL
                           and the page that it sends browsers back to
  DAYBOOK_CURRENCY         currency of products whose creator names none (EUR)
  DAYBOOK_RATE_LIMITS      on or off (on)
  DAYBOOK_TRUSTED_PROXIES  proxies that are trusted to report the client's address, such as 10.0.0.0/8
  REDIS_URL                the Redis that the servers of a shop share; without it each counts by itself
  DAYBOOK_DEMO             off: no demo shop in the private PostgreSQL (on)
  DAYBOOK_LOG              what is logged, such as info or info,daybook_log=debug (info)
  DAYBOOK_LOG_FORMAT       text or json (text)
  DAYBOOK_PG_BINDIR        folder of the programs that the private PostgreSQL is started from";

/// Runs the command that the arguments ask for, to its end.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return help_or_failure(&error),
    };
    match cli.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Migrate(arguments) => migrate::run(arguments),
        Command::Seed(arguments) => seed::run(arguments),
        Command::Import(command) => import::run(command),
        Command::Projections(command) => projections::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Outbox(command) => outbox::run(command),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::ImportLog(arguments) => import_log::run(arguments),
        Command::Bench(command) => bench::run(command),
        Command::Openapi => openapi::run(),
    }
}

/// What the process exits with after a failure. Where the status answers a question, 1 says no, and 2 that it could not
/// be found out.
pub(crate) fn status(arguments: &[OsString], failure: &Failure) -> u8 {
    match failure {
        Failure::Check(error) if error.says_no() => 1,
        _ if audit::answers_by_status(arguments) => 2,
        _ => 1,
    }
}

fn help_or_failure(error: &clap::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print().map_err(|source| Failure::Write {
                what: "print its help",
                source,
            })
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::Arguments("no command was given".to_owned()))
        }
        _ => {
            // Clap's first paragraph tells what is wrong; those after it tell how the command is used.
            let text = error.render().to_string();
            let wrong = text.split("\n\n").next().unwrap_or_default();
            Err(Failure::Arguments(
                wrong.trim_start_matches("error: ").to_owned(),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    fn given(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    fn refused(arguments: &[&str]) -> String {
        run(&given(arguments)).unwrap_err().line()
    }

    #[test]
    fn only_an_answer_exits_with_1_where_the_status_is_one() {
        let status_of = |arguments: &[&str], failure: &Failure| status(&given(arguments), failure);
        let tampered = CheckError::Tampered { findings: 1 }.into();
        let undecided = Failure::Interrupted;
        let verify = ["daybook", "audit", "verify"];
        assert_eq!(status_of(&verify, &tampered), 1);
        assert_eq!(status_of(&verify, &undecided), 2);
        assert_eq!(
            status_of(&["daybook", "audit", "verify-proof"], &undecided),
            2
        );
        assert_eq!(status_of(&["daybook", "audit", "show"], &undecided), 1);
        assert_eq!(status_of(&["daybook", "serve"], &undecided), 1);
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// The commands that do something, each with its words.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let path = format!("{path} {}", command.get_name());
        if !command.has_subcommands() {
            return vec![(path, command.clone())];
        }
        let below = command.get_subcommands();
        below.flat_map(|below| leaves(below, &path)).collect()
    }

    #[test]
    fn the_help_of_every_command_has_examples() {
        let leaves = leaves(&Cli::command(), "");
        assert!(leaves.len() > 30, "{}", leaves.len());
        for (path, leaf) in leaves {
            let help = leaf.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains("Example"), "{path} --help has no example");
            let (_, words) = path.split_at(1);
            assert!(help.contains(words), "{path} --help has another's example");
        }
    }

    /// The variables that a command and those below it read.
    fn variables(command: &clap::Command) -> BTreeSet<String> {
        let own = command.get_arguments().filter_map(clap::Arg::get_env);
        let own = own.map(|name| name.to_string_lossy().into_owned());
        let below = command.get_subcommands().flat_map(variables);
        own.chain(below).collect()
    }

    #[test]
    fn every_setting_is_in_the_help_and_on_its_page() {
        let page = include_str!("../../../../docs/configuration.md");
        let found = variables(&Cli::command());
        assert!(found.len() > 20, "{found:?}");
        for name in found {
            let mut helped = AFTER_HELP.lines().map(str::split_whitespace);
            let is_helped = helped.any(|mut words| words.next() == Some(name.as_str()));
            assert!(is_helped, "--help does not have {name}");
            let row = format!("| `{name}` | `--");
            assert!(
                page.contains(&row),
                "docs/configuration.md does not have {name}"
            );
        }
    }

    #[test]
    fn a_wrong_argument_is_told_in_one_line() {
        let line = refused(&["daybook", "serve", "--listen", "here"]);
        assert!(
            line.starts_with("daybook: invalid value 'here' for '--listen"),
            "{line}"
        );
        assert!(line.ends_with("see `daybook --help`"), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert_eq!(
            refused(&["daybook", "fly"]),
            "daybook: unrecognized subcommand 'fly': see `daybook --help`"
        );
    }

    #[test]
    fn secrets_do_not_show_in_help_or_debug() {
        let help = Cli::command()
            .find_subcommand_mut("serve")
            .unwrap()
            .render_long_help();
        assert!(help.to_string().contains("DAYBOOK_ADMIN_PASSWORD"));
        let cli = Cli::try_parse_from([
            "daybook",
            "serve",
            "--admin-password",
            "open sesame",
            "--database-url",
            "postgres://shop:open sesame@db/shop",
        ]);
        assert!(!format!("{cli:?}").contains("sesame"));
    }
}
