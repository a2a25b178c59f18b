//! Rows that were made by another version of the projection.

use std::{slice, sync::Arc};

use tracing::{info, warn};

use super::{Worker, WorkerError};
use crate::{
    rebuild::{Anew, BuildError, Builder, build_anew},
    runtime::checkpoint::{Checkpoint, CheckpointState},
};

impl Worker {
    /// Returns once the rows are of this binary's version, or at shutdown. Older rows are rebuilt beside
    /// the live ones, which a worker of the older binary, if there is one, keeps up to date meanwhile;
    /// newer rows are left to the newer binary, and those of a paused projector stay until it is resumed.
    pub(super) async fn reach_own_version(&mut self) -> Result<(), WorkerError> {
        let own = self.projection.version();
        let mut told = false;
        while !self.shutdown.is_cancelled() {
            self.signals.operations.mark_unchanged();
            let load = Checkpoint::load(&self.pool, &*self.projection);
            let found = self.in_time(load).await??;
            let (stored, is_paused) = (found.version, found.state == CheckpointState::Paused);
            if stored == own {
                break;
            }
            if stored < own && !is_paused && self.replace_older_rows(stored).await? {
                break;
            }
            if stored < own && is_paused && !told {
                info!(
                    projection = self.name(),
                    stored,
                    own,
                    "the rows were made by an earlier version, and stay until it is resumed"
                );
                told = true;
            }
            if stored > own && !told {
                warn!(
                    projection = self.name(),
                    stored, own, "the rows were made by a later version, leaving them alone"
                );
                told = true;
            }
            self.wait_for_operator().await;
        }
        Ok(())
    }

    /// Returns false if another process is rebuilding them, or an operator has paused the projector.
    async fn replace_older_rows(&self, stored: i32) -> Result<bool, WorkerError> {
        let own = self.projection.version();
        let builder = Builder::new(self.feed.clone(), self.pool.clone(), &*self.holder);
        info!(
            projection = self.name(),
            stored, own, "the rows were made by an earlier version, building them anew"
        );
        let projections = slice::from_ref::<Arc<_>>(&self.projection);
        let results = build_anew(
            &builder,
            projections,
            Anew::Rebuild,
            &|_| {},
            &self.shutdown,
        )
        .await;
        for (_, result) in results {
            match result {
                Ok(built) => info!(
                    projection = self.name(),
                    position = built.position,
                    "switched to rows of this version"
                ),
                Err(BuildError::BeingBuilt { builder, .. }) => {
                    info!(
                        projection = self.name(),
                        builder, "another process is building them"
                    );
                    return Ok(false);
                }
                Err(BuildError::Stopped | BuildError::Paused { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
