//! Erased persons: every process forgets them at once, and their remaining data is removed everywhere.
//!
//! The append that erases a person destroys the key of their data. It announces the erasure, and each process then
//! drops what it has in memory ([`Erasures`]). One task removes the data outside of the log ([`Sweeper`]); it may be
//! killed at any point and may do a thing twice. Erasures are exported to the store of checkpoints, so that persons in
//! a database that was restored from an older backup are erased again ([`repeat`]).

mod restored;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use daybook_commands::CommandBus;
use daybook_database::{Backoff, Heard, Listening, Touch};
use daybook_domain::UserId;
use daybook_log::LogError;
use daybook_log::erasure::{self, ERASURE_CHANNEL};
use moka::sync::Cache;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::restored::{RepeatError, repeat};
pub use self::sweep::Sweeper;

/// Longer than any access token is valid.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the database is asked even though nothing was announced.
const POLL: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// The persons who were erased lately, as far as this process knows. Clones share them.
#[derive(Clone)]
pub struct Erasures(Arc<Known>);

struct Known {
    commands: CommandBus,
    erased: Cache<UserId, ()>,
    /// Notified whenever there may be something to sweep.
    wake: Notify,
}

impl Erasures {
    /// Knows nothing until [`Erasures::run`] runs.
    pub fn new(commands: CommandBus) -> Erasures {
        Erasures(Arc::new(Known {
            commands,
            erased: Cache::builder().time_to_live(KNOWN_FOR).build(),
            wake: Notify::new(),
        }))
    }

    /// Whether the person's tokens no longer count.
    pub fn contains(&self, person: UserId) -> bool {
        self.0.erased.contains_key(&person)
    }

    /// Drops what this process has in memory of a person whose erasure is durable.
    pub fn forget(&self, person: UserId) {
        self.0.erased.insert(person, ());
        self.0.commands.forget(person);
        self.0.wake.notify_one();
    }

    /// Listens to erasures, whichever process executes them, until `stop`. Uses one connection of `pool`, and a second
    /// one now and then.
    pub async fn run(&self, pool: PgPool, stop: CancellationToken) {
        let touch = Touch {
            pool: &pool,
            channels: &[ERASURE_CHANNEL],
            with: "the erasures",
            backoff: Backoff::new(PAUSE, PAUSE),
        };
        touch
            .keep(&stop, |listening| self.listen(&pool, listening), || {})
            .await;
    }

    pub(crate) async fn announced(&self) {
        self.0.wake.notified().await;
    }

    async fn listen(&self, pool: &PgPool, mut listening: Listening) -> Result<(), LogError> {
        loop {
            self.look(pool).await?;
            while let Heard::Notification(notification) = listening.next(POLL).await? {
                match notification.payload().parse::<Uuid>() {
                    Ok(person) => self.forget(person.into()),
                    Err(_) => break,
                }
            }
        }
    }

    async fn look(&self, pool: &PgPool) -> Result<(), LogError> {
        for erased in erasure::recent(pool, KNOWN_FOR).await? {
            if !self.contains(erased.person) {
                self.forget(erased.person);
            }
        }
        Ok(())
    }
}
