//! `daybook-test-postgres -- command …` runs the command with a PostgreSQL server of its own, whose URL
//! it passes in `DAYBOOK_TEST_POSTGRES`, stops the server and exits with the command's status.
//!
//! With `--folder <folder>` the server's data is kept there instead of being thrown away.

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use daybook_private_postgres::testing::{TEST_POSTGRES, TestServer};
use daybook_private_postgres::{PrivateServer, PrivateServerConfig, StopMode};
use error_reporter::Report;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: daybook-test-postgres [--folder <folder>] [--] command [argument …]";
/// The exit code of `env` and `timeout` when they themselves fail.
const OWN_FAILURE: u8 = 125;

struct Arguments {
    folder: Option<PathBuf>,
    program: OsString,
    arguments: Vec<OsString>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(arguments).await {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("daybook-test-postgres: {}", Report::new(error.as_ref()));
            ExitCode::from(OWN_FAILURE)
        }
    }
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let folder = match arguments.next_if(|argument| argument == "--folder") {
            Some(_) => Some(arguments.next()?.into()),
            None => None,
        };
        arguments.next_if(|argument| argument == "--");
        Some(Self {
            folder,
            program: arguments.next()?,
            arguments: arguments.collect(),
        })
    }
}

async fn run(arguments: Arguments) -> Result<ExitStatus, Box<dyn Error>> {
    // From here on Ctrl-C ends the command, which receives it too; the server is stopped afterwards.
    let interrupts = signal(SignalKind::interrupt())?;
    let terminations = signal(SignalKind::terminate())?;
    let signals = (interrupts, terminations);
    match &arguments.folder {
        Some(folder) => {
            let server = PrivateServer::start(PrivateServerConfig::new(folder)).await?;
            let status = run_command(&arguments, server.superuser_url(), signals).await?;
            server.stop(StopMode::Fast).await;
            Ok(status)
        }
        None => {
            let server = TestServer::start().await?;
            let status = run_command(&arguments, server.superuser_url(), signals).await?;
            server.finish().await?;
            Ok(status)
        }
    }
}

async fn run_command(
    arguments: &Arguments,
    url: String,
    (mut interrupts, mut terminations): (tokio::signal::unix::Signal, tokio::signal::unix::Signal),
) -> Result<ExitStatus, Box<dyn Error>> {
    let mut child = Command::new(&arguments.program)
        .args(&arguments.arguments)
        .env(TEST_POSTGRES, url)
        .spawn()
        .map_err(|error| format!("{}: {error}", arguments.program.display()))?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupts.recv() => {}
            _ = terminations.recv() => terminate(&child),
        }
    }
}

fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended by itself just now.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// The command's own status; if a signal ended it, 128 plus the signal's number, as in shells.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
