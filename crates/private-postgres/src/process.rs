//! The server's process and the thread that is its parent.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::{oneshot, watch};
use tracing::warn;

use crate::account::Account;

const STOPS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running server; dropping it stops it fast.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pid: Pid,
    /// Whether the process id is still our child's: signals are sent only under this lock.
    is_ours: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Postmaster {
    /// Starts the program from a thread that lives as long as the server does: the system ends the child
    /// when its parent *thread* ends, and a thread of a runtime or a test ends too early.
    pub(crate) async fn spawn(mut command: Command) -> io::Result<Self> {
        let (started_tx, started_rx) = oneshot::channel();
        let (exit_tx, exit) = watch::channel(None);
        let is_ours = Arc::new(Mutex::new(true));
        let shared = Arc::clone(&is_ours);
        thread::Builder::new()
            .name("postgres-parent".to_owned())
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    let _ = started_tx.send(Ok(child.id()));
                    exit_tx.send_replace(Some(reap(child, &shared)));
                }
                Err(error) => {
                    let _ = started_tx.send(Err(error));
                }
            })?;
        let id = started_rx.await.map_err(io::Error::other)??;
        let pid = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("a process without a number"))?;
        Ok(Self { pid, is_ours, exit })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for the end of the process.
    pub(crate) async fn exited(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        // The sender goes away only after it has sent the status.
        let status = exit.wait_for(Option::is_some).await;
        status.map_or(None, |status| *status)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let is_ours = self.is_ours.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_ours && let Err(error) = kill_process(self.pid, signal) {
            warn!(%error, "could not send a signal to PostgreSQL");
        }
    }

    /// Asks with the signal; after half a minute, kills the process.
    pub(crate) async fn stop(&self, signal: Signal) {
        for signal in [signal, Signal::QUIT, Signal::KILL] {
            self.signal(signal);
            if tokio::time::timeout(STOPS_WITHIN, self.exited())
                .await
                .is_ok()
            {
                return;
            }
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            if self.exit_status().is_some() {
                return;
            }
            self.signal(signal);
            let deadline = Instant::now() + STOPS_WITHIN;
            while self.exit_status().is_none() && Instant::now() < deadline {
                thread::sleep(LOOK_AGAIN);
            }
        }
    }
}

/// Waits for the child. Its id may be given to another process as soon as it is reaped, so the senders of
/// signals lose it before that.
fn reap(mut child: Child, is_ours: &Mutex<bool>) -> ExitStatus {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
    }
    *is_ours.lock().unwrap_or_else(PoisonError::into_inner) = false;
    child.wait().unwrap_or_else(|error| {
        warn!(%error, "could not learn how PostgreSQL ended");
        ExitStatus::default()
    })
}

/// The server's command. If `setpriv` supports it, the system sends the server a fast shutdown when we
/// die without having stopped it.
pub(crate) fn server_command(
    account: &Account,
    program: &Path,
    cluster: &Path,
    settings: &[(String, String)],
    log: File,
) -> io::Result<Command> {
    let mut command = if dies_with_parent() {
        let mut command = account.command("setpriv");
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        command
    } else {
        account.command(program)
    };
    command.arg("-D").arg(cluster);
    for (name, value) in settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        // Ctrl-C in a terminal goes to the whole process group; but the server must be stopped later.
        .process_group(0);
    Ok(command)
}

fn dies_with_parent() -> bool {
    Command::new("setpriv")
        .args(["--pdeathsig", "INT", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
