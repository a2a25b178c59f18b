//! Removes what is left of erased persons outside of the log.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use daybook_audit::store::{CheckpointStore, Erasure};
use daybook_database::Backoff;
use daybook_log::LogError;
use daybook_log::erasure::{self, Erased};
use daybook_projections::users;
use daybook_usage::UsageStore;
use error_reporter::Report;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Erasures;

/// After this time, operations that were in progress at the erasure (a sign-in, a usage event, a build) have ended.
const ARRIVED_AFTER: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Sweeps twice: as soon as somebody is erased, and once more when operations that were in progress have ended. Several
/// processes may sweep at once.
pub struct Sweeper {
    pool: PgPool,
    usage: UsageStore,
    store: CheckpointStore,
    arrived_after: Duration,
}

impl Sweeper {
    /// `pool` must not have a statement timeout.
    pub fn new(pool: PgPool, store: CheckpointStore) -> Sweeper {
        Sweeper {
            usage: UsageStore::new(pool.clone()),
            pool,
            store,
            arrived_after: ARRIVED_AFTER,
        }
    }

    pub async fn run(self, erasures: Erasures, stop: CancellationToken) {
        let mut swept_once = HashSet::new();
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            match stop.run_until_cancelled(self.sweep(&mut swept_once)).await {
                // Failed sweeps are repeated less and less often.
                Some(Ok(Left::Stuck)) => backoff.lengthen(),
                Some(Ok(Left::Nothing | Left::Waiting)) => backoff.reset(),
                Some(Err(error)) => warn!(
                    error = %Report::new(&error),
                    "could not look for what is left of erased persons"
                ),
                None => {}
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = erasures.announced() => {}
                () = sleep(backoff.pause()) => {}
            }
        }
    }

    /// One round over all persons of whom something may be left.
    async fn sweep(&self, swept_once: &mut HashSet<Erased>) -> Result<Left, LogError> {
        let mut left = Left::Nothing;
        for (erased, is_last) in erasure::unswept(&self.pool, self.arrived_after).await? {
            if !is_last && swept_once.contains(&erased) {
                left = left.max(Left::Waiting);
                continue;
            }
            let is_clean = self.sweep_one(erased).await;
            if is_clean && is_last {
                erasure::settle(&self.pool, erased.person).await?;
                swept_once.remove(&erased);
                info!(user.id = %erased.person, "nothing is left of an erased person");
            } else {
                swept_once.insert(erased);
                let stuck = if is_last { Left::Stuck } else { Left::Waiting };
                left = left.max(stuck);
            }
        }
        Ok(left)
    }

    /// Takes each step even if another one fails; returns whether all succeeded.
    async fn sweep_one(&self, erased: Erased) -> bool {
        let Erased {
            person,
            position,
            erased_at,
        } = erased;
        let entry = Erasure {
            user_id: person.as_uuid(),
            position,
            erased_at,
        };
        let exported = self.store.put_erasure(&entry).await;
        let of_log = erasure::sweep(&self.pool, person).await;
        let of_usage = self.usage.forget(person.as_uuid()).await;
        let of_models = users::forget(&self.pool, person, position).await;
        let is_past = *of_models.as_ref().unwrap_or(&false);
        is_done(erased, "the export of the erasure", exported)
            & is_done(erased, "recorded answers and snapshots", of_log)
            & is_done(erased, "usage events", of_usage)
            & is_done(erased, "copies of read models", of_models)
            & is_past
    }
}

/// What is left after a round, from the best to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    /// Somebody's second sweep is still to come.
    Waiting,
    /// Something failed or is blocked.
    Stuck,
}

fn is_done<T, E: Error>(erased: Erased, what: &'static str, done: Result<T, E>) -> bool {
    if let Err(error) = &done {
        warn!(user.id = %erased.person, what, error = %Report::new(error), "could not clear away all of an erased person");
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Utc;
    use daybook_commands::{CommandBus, EraseUser, RegisterUser};
    use daybook_database::MIGRATOR;
    use daybook_domain::UserId;
    use daybook_domain::user::Role;
    use daybook_log::{Codec, Feed, Secrets};
    use daybook_private_postgres::testing::TestDatabase;
    use daybook_projections::ProjectorConfig;
    use sqlx::query_scalar;
    use uuid::Uuid;

    use super::*;

    async fn erased(bus: &CommandBus) -> UserId {
        let id = Uuid::now_v7().into();
        let register = RegisterUser {
            id,
            email: "ann@example.com".parse().unwrap(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            roles: [Role::User].into(),
        };
        let erase = EraseUser {
            id,
            expected_version: None,
        };
        let registered = bus.send_as_system("test", Utc::now(), register).await;
        registered.unwrap().outcome.unwrap();
        let erased = bus.send_as_system("test", Utc::now(), erase).await;
        erased.unwrap().outcome.unwrap();
        id
    }

    #[tokio::test]
    async fn an_erasure_is_settled_once_all_is_done_and_nothing_can_come_late() {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[7; 32])));
        let (bus, _tasks) = CommandBus::start(pool.clone(), codec.clone());
        let person = erased(&bus).await;
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(&folder.path().display().to_string()).unwrap();
        let mut sweeper = Sweeper::new(pool.clone(), store.clone());
        let mut swept_once = HashSet::new();

        let left = sweeper.sweep(&mut swept_once).await.unwrap();
        assert!(left == Left::Waiting, "something may still come");
        assert_eq!(store.erasures().await.unwrap()[0].user_id, person.as_uuid());
        sweeper.arrived_after = Duration::ZERO;
        let left = sweeper.sweep(&mut swept_once).await.unwrap();
        assert!(left == Left::Stuck, "the read model is not there yet");

        let feed = Feed::new(pool.clone(), codec);
        let stop = CancellationToken::new();
        let projecting = tokio::spawn(daybook_projections::run(
            feed,
            pool.clone(),
            ProjectorConfig::default(),
            stop.clone(),
        ));
        while sweeper.sweep(&mut swept_once).await.unwrap() != Left::Nothing {
            sleep(Duration::from_millis(20)).await;
        }
        let settled: bool =
            query_scalar("select swept_at is not null from log.erasures where person_id = $1")
                .bind(person.as_uuid())
                .fetch_one(&pool)
                .await
                .unwrap();
        assert!(settled && swept_once.is_empty());
        stop.cancel();
        projecting.await.unwrap();
    }
}
