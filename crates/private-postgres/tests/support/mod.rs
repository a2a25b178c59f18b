//! What the tests of this crate share.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use daybook_private_postgres::{Durability, PrivateServerConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("daybook-folder-")
        .tempdir()
        .unwrap()
}

pub(crate) fn config(folder: &Path) -> PrivateServerConfig {
    PrivateServerConfig::new(folder)
        .durability(Durability::FastForTests)
        .max_connections(20)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) async fn execute(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(statement).await?;
    connection.close().await
}

pub(crate) async fn text(url: &str, query: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

/// Checks again and again until it is true, for a minute.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// Whether a PostgreSQL server runs on the folder, whoever started it.
pub(crate) fn runs_on(folder: &Path) -> bool {
    let folder = folder.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|command_line| {
            let mut arguments = command_line.split(|byte| *byte == 0);
            arguments
                .next()
                .is_some_and(|program| program.ends_with(b"/postgres"))
                && arguments.any(|argument| argument.starts_with(folder))
        })
    })
}

/// `daybook-test-postgres` with a command that runs until it is told to end.
pub(crate) struct Runner {
    process: Child,
    output: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Runner {
    /// Starts it and waits until its command runs.
    pub(crate) fn start(mut program: Command, options: &[&str]) -> Self {
        let mut process = program
            .args(options)
            .args(["--", "sh", "-c"])
            .arg("echo \"$DAYBOOK_TEST_POSTGRES\"; read -r status; exit \"${status:-1}\"")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        Self {
            process,
            output,
            url: url.trim().to_owned(),
        }
    }

    /// Lets the command end with the status, and waits for the runner.
    pub(crate) fn finish(mut self, status: i32) -> ExitStatus {
        writeln!(self.process.stdin.as_mut().unwrap(), "{status}").unwrap();
        self.process.wait().unwrap()
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Where its server keeps the data: the parent of the cluster.
    pub(crate) async fn data_folder(&self) -> PathBuf {
        let cluster = text(&self.url, "select current_setting('data_directory')").await;
        Path::new(&cluster).parent().unwrap().to_owned()
    }
}

pub(crate) fn runner() -> Command {
    Command::new(env!("CARGO_BIN_EXE_daybook-test-postgres"))
}
