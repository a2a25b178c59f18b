//! The binary as a real process, which is started, used, and stopped or killed.

// Each test program uses a part of this.
#![allow(dead_code)]

pub(crate) mod place;
pub(crate) mod proxy;

use std::collections::VecDeque;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// Far more time than anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder that the user who runs PostgreSQL can enter, too.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("daybook-cli-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .unwrap()
}

/// The binary without this process's own settings, with its data in `folder`.
pub(crate) fn daybook(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    for (name, _) in std::env::vars() {
        let is_setting =
            name.starts_with("DAYBOOK_") || name.starts_with("DATABASE_") || name == "REDIS_URL";
        // The folder of PostgreSQL's programs depends on this machine.
        if is_setting && name != "DAYBOOK_PG_BINDIR" {
            command.env_remove(name);
        }
    }
    command
        .env("DAYBOOK_DATA", folder.join("data"))
        .env("DAYBOOK_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// One of PostgreSQL's programs, from where Daybook finds them.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    let named = std::env::var_os("DAYBOOK_PG_BINDIR").map(PathBuf::from);
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin"))
        .collect();
    folders.sort();
    let folders = named.into_iter().chain(folders.into_iter().rev());
    let programs = folders.map(|folder| folder.join(name));
    programs
        .into_iter()
        .find(|program| program.exists())
        .expect("PostgreSQL's programs are installed")
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output())
        .await
        .expect("the command ends")
        .unwrap()
}

/// The one line with which a command failed.
pub(crate) async fn failure(command: &mut Command) -> String {
    let output = run(command.env("DAYBOOK_LOG", "error")).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 1, "one line was to be told, not: {told}");
    assert!(told.starts_with("daybook: "), "{told}");
    assert!(
        told.trim_start_matches("daybook: ").contains(": "),
        "no remedy: {told}"
    );
    lines[0].to_owned()
}

/// A running `daybook serve`.
pub(crate) struct Server {
    child: Child,
    /// What it printed when it opened.
    pub(crate) welcome: Vec<String>,
    pub(crate) url: String,
    /// Lines that it logged and that no test has read yet.
    logged: VecDeque<String>,
    log: Lines<BufReader<ChildStderr>>,
    // Kept open, because the server would complain about a closed pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Returns once it is open.
    pub(crate) async fn start(folder: &Path) -> Server {
        Server::start_command(daybook(folder).arg("serve")).await
    }

    pub(crate) async fn start_command(command: &mut Command) -> Server {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut welcome = Vec::new();
        let mut logged = VecDeque::new();
        let opening = async {
            loop {
                tokio::select! {
                    line = stdout.next_line() => match line.unwrap() {
                        Some(line) if line.starts_with("Stop it") => return,
                        Some(line) => welcome.push(line),
                        None => panic!("the server ended: {logged:#?}"),
                    },
                    Some(line) = next(&mut log) => logged.push_back(line),
                }
            }
        };
        timeout(PATIENCE, opening).await.expect("the server opens");
        let url = welcome
            .iter()
            .find_map(|line| line.trim().strip_prefix("API"))
            .unwrap();
        let url = url.trim().to_owned();
        Server {
            child,
            welcome,
            url,
            logged,
            log,
            _stdout: stdout,
        }
    }

    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// `host:port`
    pub(crate) fn authority(&self) -> &str {
        self.url
            .trim_start_matches("http://")
            .trim_end_matches("/api/v1")
    }

    /// The e-mail address and password that it printed for the first account of a kind.
    pub(crate) fn account(&self, kind: &str) -> (String, String) {
        let line = self
            .welcome
            .iter()
            .find_map(|line| line.trim().strip_prefix(kind))
            .unwrap_or_else(|| panic!("no {kind} in {:#?}", self.welcome));
        let (email, password) = line.trim().split_once("  password: ").unwrap();
        (email.to_owned(), password.to_owned())
    }

    /// Signs in; returns an access token.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> String {
        let body = json!({ "email": email, "password": password });
        let answer = Client::new()
            .post(self.url_of("/users/login"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    /// Sends a request that must succeed, and repeats it after `Retry-After` if the answer has one; returns the body
    /// and the position.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> (Value, Option<String>) {
        let answer = loop {
            let answer = request.try_clone().unwrap().send().await.unwrap();
            let Some(seconds) = answer.headers().get("retry-after") else {
                break answer;
            };
            sleep(Duration::from_secs(
                seconds.to_str().unwrap().parse().unwrap(),
            ))
            .await;
        };
        let status = answer.status();
        let position = answer
            .headers()
            .get("daybook-position")
            .map(|value| value.to_str().unwrap().to_owned());
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{status} {body}");
        (body, position)
    }

    /// Reads the log up to a line that contains `text`.
    pub(crate) async fn logs(&mut self, text: &str) {
        let waiting = async {
            loop {
                let line = match self.logged.pop_front() {
                    Some(line) => Some(line),
                    None => next(&mut self.log).await,
                };
                match line {
                    Some(line) if line.contains(text) => return,
                    Some(_) => {}
                    None => break,
                }
            }
            panic!("the server ended without logging {text:?}");
        };
        timeout(PATIENCE, waiting)
            .await
            .expect("the server logs it");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end and reads its log to the end; returns the exit status.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ending = async {
            while next(&mut self.log).await.is_some() {}
            self.child.wait().await.unwrap()
        };
        timeout(PATIENCE, ending).await.expect("the server ends")
    }

    pub(crate) async fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Kills it, as the system does when memory runs out.
    pub(crate) async fn kill(self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStderr>>) -> Option<String> {
    lines.next_line().await.unwrap()
}
