//! Keeps the private PostgreSQL running for as long as this process needs it.

use std::time::Duration;

use daybook_private_postgres::{PrivateServer, StopMode};
use error_reporter::Report;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Supervisor {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervisor {
    pub(super) fn watch(server: PrivateServer) -> Supervisor {
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_running(server, stop.clone()));
        Supervisor { stop, task }
    }

    /// Returns when the server has written its checkpoint and stopped.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            error!(%error, "the private PostgreSQL was not stopped cleanly");
        }
    }
}

async fn keep_running(mut server: PrivateServer, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = server.exited() => {}
        }
        error!("the private PostgreSQL has ended, starting it again");
        if let Err(error) = server.restart().await {
            error!(
                error = %Report::new(&error),
                remedy = %error.remedy(),
                "the private PostgreSQL does not start"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
    server.stop(StopMode::Fast).await;
    info!("stopped the private PostgreSQL");
}
