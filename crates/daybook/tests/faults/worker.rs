//! A process that does nothing but keep the read models up to date, and may be frozen or killed.

use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::evidence::PATIENCE;

/// `daybook serve --role projector`
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts it from the command that serves; when it has opened the database is for the leases to tell.
    pub fn start(mut serve: Command) -> Worker {
        let child = serve
            .args(["--role", "projector"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Worker { child }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap()
    }

    /// Whether this is the one who holds a lease, by the name under which it was taken.
    pub fn is(&self, holder: &str) -> bool {
        holder.starts_with(&format!("pid-{} ", self.pid().as_raw_pid()))
    }

    /// As when a machine is suspended: it notices nothing of the time that passes.
    pub fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    pub fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub async fn stop(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the worker ends")
            .unwrap()
    }
}
