//! What a worker does about events that it cannot project.

use daybook_database::{Lease, begin};
use daybook_log::{Poison, RecordedEvent};
use tracing::{error, info, warn};

use super::{Worker, WorkerError};
use crate::{
    projection::ApplyError,
    runtime::{
        batch::{BatchError, commit_skip},
        checkpoint::{Checkpoint, CheckpointState, configure_transaction},
        obstacle::{Obstacle, blames_the_data},
    },
};

impl Worker {
    /// An event that cannot be decoded halts the projectors that its aggregate concerns. The others know
    /// that it has no effect on them without knowing its content, even if only a later version of this
    /// program knows the aggregate.
    pub(super) async fn meet(
        &mut self,
        poison: Poison,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
    ) -> Result<(), WorkerError> {
        let follows = poison.position == checkpoint.position + 1;
        let aggregate = poison
            .stream
            .split('/')
            .next()
            .and_then(|name| name.parse().ok());
        let concerned =
            aggregate.is_some_and(|aggregate| self.projection.aggregates().contains(&aggregate));
        let skipped = checkpoint.skipped.passes_over(&poison);
        if !follows || (concerned && !skipped) {
            return self.halt(checkpoint, lease, poison.into()).await;
        }
        if !skipped {
            warn!(
                projection = self.name(),
                position = poison.position,
                "event.type" = poison.event_type,
                "passed an event that cannot be decoded but is of no concern here"
            );
        }
        let commit = commit_skip(
            &self.pool,
            &*self.projection,
            lease,
            checkpoint,
            concerned,
            self.config.statement_timeout,
        );
        match self.in_time(commit).await? {
            Ok(position) => checkpoint.position = position,
            Err(BatchError::CheckpointMoved(_)) => *checkpoint = self.load().await?,
            Err(failure) => return Err(failure.into()),
        }
        Ok(())
    }

    /// Reduces the next batch to the events before a bad one, and halts once the bad event is the next.
    /// Failures for which no event is to blame make the worker start over.
    pub(super) async fn get_past(
        &mut self,
        failure: BatchError,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
        events: &[RecordedEvent],
    ) -> Result<(), WorkerError> {
        self.batch_size = (self.batch_size.min(events.len() as i64) / 2).max(1);
        let bad = match &failure {
            BatchError::Apply(ApplyError::Unfoldable { position, .. }) => *position,
            BatchError::Gap { found, .. } => *found,
            BatchError::Apply(ApplyError::Database(error)) if blames_the_data(error) => {
                match events {
                    [only] => only.position,
                    // It is not known which event it is: halving the batch finds it.
                    _ => return Ok(()),
                }
            }
            BatchError::Apply(ApplyError::Database(_))
            | BatchError::Lease(_)
            | BatchError::CheckpointMoved(_)
            | BatchError::Database(_) => return Err(failure.into()),
        };
        let good = events
            .iter()
            .take_while(|event| event.position != bad)
            .count();
        if good > 0 {
            self.batch_size = good as i64;
            return Ok(());
        }
        let obstacle = Obstacle::new(bad, events.first(), &failure);
        self.halt(checkpoint, lease, obstacle).await
    }

    /// Records the obstacle, then waits until an operator restarts the projector. The lease is kept:
    /// another process would only meet the same event.
    async fn halt(
        &mut self,
        checkpoint: &mut Checkpoint,
        lease: &Lease,
        obstacle: Obstacle,
    ) -> Result<(), WorkerError> {
        let recorded = self.record(checkpoint, lease, &obstacle);
        if self.in_time(recorded).await?? {
            error!(
                projection = self.name(),
                position = obstacle.position,
                "event.type" = obstacle.event_type,
                error = obstacle.error,
                "a projector halted"
            );
            *checkpoint = self.stay(CheckpointState::Halted).await?;
            if checkpoint.state == CheckpointState::Live {
                info!(projection = self.name(), "a halted projector goes on");
            }
            return Ok(());
        }
        *checkpoint = self.load().await?;
        Ok(())
    }

    /// Returns false if the checkpoint is no longer what was loaded.
    async fn record(
        &self,
        checkpoint: &Checkpoint,
        lease: &Lease,
        obstacle: &Obstacle,
    ) -> Result<bool, BatchError> {
        let mut transaction = begin(&self.pool).await?;
        let limit = self.config.statement_timeout;
        configure_transaction(&mut transaction, lease.ttl(), limit).await?;
        lease.check(&mut transaction).await?;
        let halted = checkpoint.halt(&mut transaction, obstacle).await?;
        transaction.commit().await?;
        Ok(halted)
    }
}
