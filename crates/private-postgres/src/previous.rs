//! What an earlier owner left behind when it was killed: a server that still runs or is just stopping,
//! stale lock files, backends that still hold the shared memory.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tracing::info;

use crate::error::PrivateServerError;
use crate::settings::PORT;

const LOOK_AGAIN: Duration = Duration::from_millis(10);
const BACKENDS_END_WITHIN: Duration = Duration::from_secs(10);
/// From the gentlest signal to the hardest, each with the time that the server is given: a fast shutdown
/// (with its checkpoint), an immediate one, the kill.
const PERSUASION: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Makes the cluster ready for a server to start on it. The caller holds the data folder's lock, so any
/// server that still runs here has lost its owner.
pub(crate) fn settle(cluster: &Path, socket_dir: &Path) -> Result<(), PrivateServerError> {
    let pid_file = cluster.join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap_or_default();
    if let Some(pid) = pid(&text)
        && is_server(pid, cluster)
    {
        info!(
            pid = pid.as_raw_pid(),
            "stopping a PostgreSQL server that lost its owner"
        );
        stop(pid, cluster)?;
    }
    // PostgreSQL would mistake another process that has the same id now, or a dead process that has not
    // been waited for, for a running server.
    remove(&pid_file)?;
    remove(&socket_dir.join(format!(".s.PGSQL.{PORT}.lock")))?;
    if let Some(segment) = shared_memory(&text) {
        wait_until(BACKENDS_END_WITHIN, || !is_attached(segment));
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), PrivateServerError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PrivateServerError::Io {
            what: format!("remove {}", path.display()),
            source,
        }),
        _ => Ok(()),
    }
}

/// Whether the server that wrote this file has reported that it accepts connections.
pub(crate) fn is_ready(cluster: &Path, server: Pid) -> bool {
    fs::read_to_string(cluster.join("postmaster.pid")).is_ok_and(|text| {
        pid(&text) == Some(server) && text.lines().nth(7).map(str::trim) == Some("ready")
    })
}

fn stop(server: Pid, cluster: &Path) -> Result<(), PrivateServerError> {
    for (signal, patience) in PERSUASION {
        // It may be gone already.
        let _ = kill_process(server, signal);
        if wait_until(patience, || !is_server(server, cluster)) {
            return Ok(());
        }
    }
    Err(PrivateServerError::Survivor {
        pid: server.as_raw_pid(),
    })
}

/// Whether the process is a server on this cluster, and not another process that was given its id.
fn is_server(pid: Pid, cluster: &Path) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return rustix::process::test_kill_process(pid).is_ok();
    }
    // Not /proc/…/cwd: root in a container may not read another user's.
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).is_ok_and(|command_line| {
        command_line
            .split(|byte| *byte == 0)
            .any(|argument| argument == cluster.as_os_str().as_encoded_bytes())
    })
}

fn pid(pid_file: &str) -> Option<Pid> {
    Pid::from_raw(pid_file.lines().next()?.trim().parse().ok()?)
}

/// The id of the System V segment by which PostgreSQL notices that backends of a dead server still run:
/// the second number of the seventh line.
fn shared_memory(pid_file: &str) -> Option<u64> {
    let line = pid_file.lines().nth(6)?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Linux lists the segments as: key, shmid, perms, size, cpid, lpid, nattch, …
fn is_attached(segment: u64) -> bool {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    table.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace();
        columns.nth(1).and_then(|id| id.parse().ok()) == Some(segment)
            && columns.nth(4).is_some_and(|attached| attached != "0")
    })
}

fn wait_until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
    true
}
