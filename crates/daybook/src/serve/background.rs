//! Background tasks beside the requests, which are told to stop and waited for.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;

pub(super) struct Background {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Background {
    pub(super) fn start<F>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Background
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Background { name, stop, task }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            error!(%error, task = self.name, "a task did not end cleanly");
        }
    }
}
