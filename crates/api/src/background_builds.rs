//! Builds of read models that were requested over HTTP: they continue after the request was answered, and end with this
//! process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// This process's builds, one at a time for each projection. Clones share them.
#[derive(Clone, Default)]
pub struct BackgroundBuilds {
    tasks: TaskTracker,
    closing: CancellationToken,
    running: Arc<Mutex<HashMap<&'static str, Uuid>>>,
}

impl BackgroundBuilds {
    /// Starts `work`, which stops when its token is cancelled. False if a build of that projection is
    /// running here already.
    pub(crate) fn start<F>(
        &self,
        name: &'static str,
        id: Uuid,
        work: impl FnOnce(CancellationToken) -> F,
    ) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self.running.lock().entry(name) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(free) => free.insert(id),
        };
        let ended = Ended {
            name,
            running: Arc::clone(&self.running),
        };
        let work = work(self.closing.clone());
        self.tasks.spawn(async move {
            let _ended = ended;
            work.await;
        });
        true
    }

    /// Whether this build is running here.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.running.lock().values().any(|running| *running == id)
    }

    /// Cancelled when the process is about to end, so that clients stop waiting for a build.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Stops the builds; the live read models stay as they are.
    pub fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
    }

    /// Returns when every build has cleaned up.
    pub async fn ended(&self) {
        self.close();
        self.tasks.wait().await;
    }
}

/// Lets the next build start, also after a panic.
struct Ended {
    name: &'static str,
    running: Arc<Mutex<HashMap<&'static str, Uuid>>>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.running.lock().remove(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_build_of_a_projection_runs_at_a_time_and_ends_with_the_process() {
        let builds = BackgroundBuilds::default();
        let until_stopped = |stop: CancellationToken| async move { stop.cancelled().await };
        let id = Uuid::now_v7();
        assert!(builds.start("orders", id, until_stopped));
        assert!(builds.has(id));
        assert!(!builds.start("orders", Uuid::now_v7(), until_stopped));
        assert!(builds.start("users", Uuid::now_v7(), until_stopped));
        builds.ended().await;
        assert!(builds.running.lock().is_empty());
    }

    #[tokio::test]
    async fn a_build_that_panics_is_not_in_the_way_of_the_next() {
        let builds = BackgroundBuilds::default();
        assert!(builds.start("orders", Uuid::now_v7(), |_| async { panic!("a defect") }));
        while !builds.start("orders", Uuid::now_v7(), |_| async {}) {
            tokio::task::yield_now().await;
        }
        builds.ended().await;
    }
}
