use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use daybook_commands::CommandBus;
use daybook_domain::user::User;
use daybook_domain::{StreamId, UserId};
use daybook_history::trail::Trail;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::guessing::Guessing;
use daybook_identity::security::SecurityLog;
use daybook_identity::session::Lifetimes;
use daybook_identity::{Revocations, account, revoke_tokens};
use daybook_log::Feed;
use daybook_processes::outbox::Outbox;
use daybook_projections::ReadModels;
use daybook_usage::UsageStore;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use crate::error::AccountError;
use crate::messages::{Forgotten, ForgottenPasswords};

/// Limits concurrent exports, because each of them uses database connections again and again.
const EXPORTS_AT_ONCE: usize = 8;

/// The use cases of accounts. Clones share their parts.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

/// The parts of [`Accounts`].
pub struct AccountsParts {
    pub commands: CommandBus,
    pub read_models: ReadModels,
    pub feed: Feed,
    pub pool: PgPool,
    pub outbox: Outbox,
    pub guessing: Guessing,
    pub security: SecurityLog,
    pub revocations: Revocations,
    pub token_keys: TokenKeys,
    pub usage: UsageStore,
    pub sessions: Lifetimes,
    pub access_token_ttl: Duration,
    /// How long an export waits for the read models.
    pub patience: Duration,
}

pub(crate) struct Shared {
    pub(crate) parts: AccountsParts,
    /// Permits for exports of any size.
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) forgotten: mpsc::Sender<Forgotten>,
}

impl Accounts {
    /// The second value answers forgotten passwords while it runs.
    pub fn new(parts: AccountsParts) -> (Accounts, ForgottenPasswords) {
        let (forgotten, waiting) = ForgottenPasswords::queue();
        let accounts = Accounts(Arc::new(Shared {
            parts,
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            forgotten,
        }));
        let answering = ForgottenPasswords::new(accounts.clone(), waiting);
        (accounts, answering)
    }

    /// Permits for exports of any size, of a person's data or of the trail.
    pub fn export_permits(&self) -> &Arc<Semaphore> {
        &self.0.exports
    }

    /// Makes an account's access tokens invalid, in every process.
    pub async fn revoke_tokens(&self, id: UserId) -> Result<(), sqlx::Error> {
        let revoked = revoke_tokens(&self.pool, id).await?;
        self.revocations.note(revoked);
        Ok(())
    }

    /// Ends all sessions of an account, in every process.
    pub async fn shut_out(&self, id: UserId) -> Result<(), sqlx::Error> {
        let revoked = account::shut_out(&self.pool, id).await?;
        self.revocations.note(revoked);
        Ok(())
    }

    /// A user's account, if it exists and is active.
    pub(crate) async fn active_user(&self, id: UserId) -> Result<Option<User>, AccountError> {
        let loaded = self.commands.load(StreamId::user(id)).await?.state;
        Ok(loaded.as_user().filter(|user| user.is_active()).cloned())
    }

    pub(crate) fn trail(&self) -> Trail {
        Trail::new(self.feed.clone(), self.read_models.trail().clone())
    }
}

impl Deref for Accounts {
    type Target = AccountsParts;

    fn deref(&self) -> &AccountsParts {
        &self.0.parts
    }
}

impl Accounts {
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}
