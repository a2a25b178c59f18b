//! The whole log, chunk by chunk, on all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Connection;
use tokio::task::JoinSet;

use super::chunk::{self, CHUNK, Checked};
use super::snapshot::Snapshot;
use super::{ProgressCallback, VerifyError};

/// The result of each chunk, in order. Each job takes the next chunk that nobody has taken.
pub(super) async fn scan(
    snapshot: &Snapshot,
    size: u64,
    jobs: usize,
    progress: &ProgressCallback,
) -> Result<Vec<Checked>, VerifyError> {
    let chunks = size.div_ceil(CHUNK);
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..(jobs as u64).min(chunks) {
        let mut connection = snapshot.join().await?;
        let (next, progress) = (Arc::clone(&next), Arc::clone(progress));
        workers.spawn(async move {
            let mut checked = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= chunks {
                    connection.close().await?;
                    return Ok(checked);
                }
                checked.push(chunk::check(&mut connection, index, size, &*progress).await?);
            }
        });
    }
    let mut all = Vec::new();
    // The first failure ends the other jobs.
    while let Some(ended) = workers.join_next().await {
        let checked: Result<Vec<Checked>, VerifyError> = ended?;
        all.extend(checked?);
    }
    all.sort_by_key(|checked| checked.index);
    Ok(all)
}
