//! A projector at rest: at an event that cannot be projected, or because an operator paused it.

use error_reporter::Report;
use tracing::{debug, info};

use super::{Worker, WorkerError};
use crate::{
    measure,
    runtime::checkpoint::{Checkpoint, CheckpointState},
};

impl Worker {
    /// Rests until an operator resumes the projection. The lease is kept, so that the status shows which
    /// worker will continue.
    pub(super) async fn hold(&mut self, checkpoint: Checkpoint) -> Result<Checkpoint, WorkerError> {
        info!(
            projection = self.name(),
            position = checkpoint.position,
            "a projector is paused"
        );
        let checkpoint = self.stay(CheckpointState::Paused).await?;
        if checkpoint.state != CheckpointState::Paused {
            info!(projection = self.name(), "a paused projector goes on");
        }
        Ok(checkpoint)
    }

    /// Looks at the checkpoint now and then until it is no longer in this state, or until shutdown.
    pub(super) async fn stay(&mut self, state: CheckpointState) -> Result<Checkpoint, WorkerError> {
        loop {
            let checkpoint = self.load().await?;
            if checkpoint.state != state || self.shutdown.is_cancelled() {
                return Ok(checkpoint);
            }
            let measured = measure::standstill(&self.pool, self.name(), checkpoint.position);
            if let Err(error) = measured.await {
                debug!(
                    error = %Report::new(&error),
                    projection = self.name(),
                    "could not measure the lag"
                );
            }
            self.wait_for_operator().await;
        }
    }
}
