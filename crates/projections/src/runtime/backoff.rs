use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The waits between attempts at something that fails: doubling, up to a bound.
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next: FIRST }
    }
}

impl Backoff {
    /// Waits, unless `shutdown` comes first.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) {
        let _ = shutdown.run_until_cancelled(sleep(self.next)).await;
        self.next = (self.next * 2).min(LONGEST);
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}
