use std::time::Duration;

use uuid::Uuid;

/// How projectors run. The defaults suit production; tests shorten the times.
#[derive(Clone, Debug)]
pub struct ProjectorConfig {
    /// This process's name, for people who look at the status.
    pub worker: String,
    /// The most events in one transaction. A batch is in memory as a whole.
    pub batch_size: i64,
    /// How long a lost notification can go unnoticed: the log is looked at this often in any case.
    pub poll_interval: Duration,
    /// How long a worker that has stopped keeps others out. A lease is renewed three times as often.
    pub lease_ttl: Duration,
    /// How long a statement may take, and how long a batch may sit in an open transaction, before
    /// the batch is given up and tried again at half the size.
    pub statement_timeout: Duration,
}

impl Default for ProjectorConfig {
    fn default() -> ProjectorConfig {
        ProjectorConfig {
            worker: format!("pid-{}", std::process::id()),
            batch_size: 2_000,
            poll_interval: Duration::from_secs(1),
            lease_ttl: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

impl ProjectorConfig {
    /// A name that no other run of the projectors has, in this process or elsewhere.
    pub(super) fn holder(&self) -> String {
        format!("{} {}", self.worker, Uuid::now_v7())
    }

    /// How often a worker without the lease tries to take it.
    pub(super) fn standby_interval(&self) -> Duration {
        self.poll_interval.min(self.lease_ttl / 4)
    }
}
