//! A real Redis for a single test, in a folder of its own: it stores nothing on disk, and nobody else can reach it.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use redis::{Client, cmd};
use tempfile::TempDir;

pub(crate) struct RedisServer {
    folder: TempDir,
    running: Option<Running>,
}

struct Running {
    process: Child,
    // Kept open, because Redis would complain about a closed pipe.
    _log: BufReader<ChildStdout>,
}

impl RedisServer {
    pub(crate) fn start() -> RedisServer {
        let folder = tempfile::Builder::new()
            .prefix("daybook-redis-")
            .tempdir()
            .unwrap();
        let mut server = RedisServer {
            folder,
            running: None,
        };
        server.restart();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    pub(crate) fn keys(&self, pattern: &str) -> Vec<String> {
        let mut open = Client::open(self.url()).unwrap().get_connection().unwrap();
        cmd("KEYS").arg(pattern).query(&mut open).unwrap()
    }

    /// Kills it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.process.kill().unwrap();
            running.process.wait().unwrap();
        }
    }

    /// Starts another one at the same place, with no data. Returns once it accepts connections.
    pub(crate) fn restart(&mut self) {
        self.kill();
        // Ends with the thread that started it, in case the test does not come to its end.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "redis-server"])
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is installed (scripts/prepare test)");
        let mut log = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.to_lowercase().contains("ready to accept connections") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "redis-server ended");
        }
        self.running = Some(Running { process, _log: log });
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
