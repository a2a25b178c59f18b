//! What a process believes of its database, and whether that still holds.
//!
//! What a process keeps in memory was read from one *instance* of the database: one start of one PostgreSQL. Another
//! instance may have an older state: an older copy of its folder was put back, or a standby took over that lacked the
//! last commits. So every session begins by asking which instance it has reached ([`Standing::admit`]). If that is
//! another one, a new *epoch* begins: what was kept in memory is dropped first, then the new instance is examined, and
//! only then the session is used. Sessions to an earlier instance are closed ([`Standing::is_outlived`]).

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use sqlx::{PgConnection, query_as};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// One start of one PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instance {
    /// The cluster's system identifier.
    system: i64,
    started_at: DateTime<Utc>,
}

impl Instance {
    async fn of(connection: &mut PgConnection) -> Result<Instance, sqlx::Error> {
        let (system, started_at) = query_as(
            "select system_identifier, pg_postmaster_start_time() from pg_control_system()",
        )
        .fetch_one(connection)
        .await?;
        Ok(Instance { system, started_at })
    }
}

/// Counts the instances that a process has met. Clones share their state.
#[derive(Clone)]
pub struct Standing(Arc<Shared>);

struct Shared {
    state: watch::Sender<State>,
    droppers: RwLock<Vec<Dropper>>,
}

type Dropper = Box<dyn Fn() + Send + Sync>;

#[derive(Clone, Copy)]
struct State {
    instance: Option<Instance>,
    epoch: u64,
    since: Instant,
    /// The last epoch before which everything kept in memory was dropped.
    dropped: u64,
    /// The last epoch whose instance is relied on.
    proven: u64,
    is_examined: bool,
    /// The present instance was examined and is not relied on: no session is let in any more.
    is_refused: bool,
}

impl Default for Standing {
    fn default() -> Standing {
        let state = State {
            instance: None,
            epoch: 0,
            since: Instant::now(),
            dropped: 0,
            proven: 0,
            is_examined: false,
            is_refused: false,
        };
        Standing(Arc::new(Shared {
            state: watch::Sender::new(state),
            droppers: RwLock::default(),
        }))
    }
}

impl Standing {
    /// What was read in another epoch than this must not be relied on.
    pub fn epoch(&self) -> u64 {
        self.0.state.borrow().epoch
    }

    /// Waits until it is another epoch than this. Cancel safe.
    pub async fn outlives(&self, epoch: u64) {
        let mut states = self.0.state.subscribe();
        // The sender lives as long as this.
        let _ = states.wait_for(|state| state.epoch != epoch).await;
    }

    /// Whether a session of that age may be to an earlier instance.
    pub fn is_outlived(&self, age: Duration) -> bool {
        let state = self.0.state.borrow();
        state.epoch > 0 && age > state.since.elapsed()
    }

    /// Has `drop` called whenever another instance is met, before anything is read from it.
    pub fn on_change(&self, drop: impl Fn() + Send + Sync + 'static) {
        self.0.droppers.write().push(Box::new(drop));
    }

    /// Lets a new session in: finds out which instance it has reached and returns its epoch once it can be relied on.
    pub async fn admit(&self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let epoch = self.meet(Instance::of(connection).await?);
        self.proven().await?;
        match self.epoch() == epoch {
            true => Ok(epoch),
            // Another instance was met meanwhile.
            false => Err(sqlx::Error::Io(ErrorKind::ConnectionReset.into())),
        }
    }

    /// Waits until the present instance can be relied on, or never will be.
    async fn proven(&self) -> Result<(), sqlx::Error> {
        let mut states = self.0.state.subscribe();
        let known = |state: &State| state.is_refused || state.proven == state.epoch;
        match states.wait_for(known).await {
            Ok(state) if !state.is_refused => Ok(()),
            _ => Err(sqlx::Error::PoolClosed),
        }
    }

    /// Returns the instance's epoch.
    fn meet(&self, instance: Instance) -> u64 {
        let is_known = |state: &State| state.instance == Some(instance);
        let mut epoch = 0;
        let is_other = self.0.state.send_if_modified(|state| {
            if is_known(state) {
                epoch = state.epoch;
                return false;
            }
            // Whoever starts on the first one examines it, and has nothing to drop.
            let is_other = state.instance.replace(instance).is_some();
            if is_other {
                state.epoch += 1;
                state.since = Instant::now();
            }
            epoch = state.epoch;
            is_other
        });
        if !is_other {
            return epoch;
        }
        warn!(
            started_at = %instance.started_at,
            "PostgreSQL was started anew, or another one has taken over: what was kept in memory is dropped"
        );
        self.0.droppers.read().iter().for_each(|drop| drop());
        self.0.state.send_modify(|state| {
            state.dropped = state.dropped.max(epoch);
            if !state.is_examined {
                state.proven = state.proven.max(epoch);
            }
        });
        epoch
    }

    /// Has `examine` called for each further instance; until it succeeds, no session is let in. Ends with the first
    /// error, or at `stop`. `examine` must use sessions that are not let in here.
    pub async fn examine<E, F>(
        &self,
        stop: &CancellationToken,
        examine: impl Fn() -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        self.0.state.send_modify(|state| state.is_examined = true);
        let mut states = self.0.state.subscribe();
        let examined = async {
            loop {
                // The sender lives as long as this.
                let met = states.wait_for(|state| state.dropped > state.proven).await;
                let Ok(epoch) = met.map(|state| state.dropped) else {
                    return Ok(());
                };
                tokio::select! {
                    examined = examine() => {
                        self.0.state.send_modify(|state| match &examined {
                            Ok(()) => state.proven = epoch,
                            Err(_) => state.is_refused = true,
                        });
                        examined?;
                    }
                    // Another one was met, and this one may never answer.
                    () = self.outlives(epoch) => {}
                }
            }
        };
        stop.run_until_cancelled(examined).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn instance(second: i64) -> Instance {
        Instance {
            system: 1,
            started_at: DateTime::from_timestamp(second, 0).unwrap_or_default(),
        }
    }

    #[test]
    fn memory_is_dropped_when_another_instance_is_met_and_not_for_the_first() {
        let standing = Standing::default();
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        standing.on_change(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        for (second, epoch) in [(1, 0), (1, 0), (2, 1), (2, 1), (3, 2)] {
            assert_eq!(standing.meet(instance(second)), epoch);
            assert_eq!(standing.epoch(), epoch);
            assert_eq!(dropped.load(Ordering::SeqCst), epoch);
        }
        assert!(standing.is_outlived(Duration::from_secs(1)));
        assert!(!standing.is_outlived(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_further_instance_is_relied_on_once_it_is_examined() {
        let standing = Standing::default();
        standing.meet(instance(1));
        let stop = CancellationToken::new();
        let (seen, examinations) = watch::channel(0);
        let (examiner, examined) = (standing.clone(), stop.clone());
        let examining = tokio::spawn(async move {
            let examine = || async {
                seen.send_modify(|count| *count += 1);
                match *seen.borrow() {
                    2 => Err("set back"),
                    _ => Ok(()),
                }
            };
            examiner.examine(&examined, examine).await
        });
        while !standing.0.state.borrow().is_examined {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            *examinations.borrow(),
            0,
            "the first is the starter's to examine"
        );
        standing.meet(instance(2));
        standing.proven().await.unwrap();
        assert_eq!(*examinations.borrow(), 1);
        standing.meet(instance(3));
        assert_eq!(examining.await.unwrap(), Err("set back"));
        assert!(
            standing.proven().await.is_err(),
            "what was found set back is never relied on"
        );
    }
}
