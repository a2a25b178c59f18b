//! A process that only updates the read models, and can be frozen or killed.

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
    /// Starts it with the command of a server. The leases tell when it has opened the database.
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

    /// Whether this worker has the name of a lease's holder.
    pub fn is(&self, holder: &str) -> bool {
        holder.starts_with(&format!("pid-{} ", self.pid().as_raw_pid()))
    }

    /// As when a machine is suspended: the process notices nothing of the time that passes.
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
