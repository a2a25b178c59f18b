use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use daybook_commands::CommandBus;
use daybook_domain::user::{Role, User};
use daybook_domain::{StreamId, UserId};
use daybook_history::trail::Trail;
use daybook_identity::Revocations;
use daybook_identity::access_token::TokenKeys;
use daybook_identity::guessing::Guessing;
use daybook_identity::security::SecurityLog;
use daybook_identity::session::Lifetimes;
use daybook_log::Feed;
use daybook_processes::outbox::Outbox;
use daybook_projections::ReadModels;
use daybook_usage::UsageStore;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use crate::erasure::Erasures;
use crate::error::AccountError;
use crate::messages::{Forgotten, ForgottenPasswords};

/// The use cases of accounts. Clones share their parts.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) parts: Arc<AccountsParts>,
    pub(crate) forgotten: mpsc::Sender<Forgotten>,
}

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
    pub erasures: Erasures,
    pub token_keys: TokenKeys,
    pub usage: UsageStore,
    /// Permits for exports of any size, here and elsewhere.
    pub exports: Arc<Semaphore>,
    pub sessions: Lifetimes,
    pub access_token_ttl: Duration,
    /// How long an export waits for the read models.
    pub patience: Duration,
}

impl Accounts {
    /// The second value answers forgotten passwords while it runs.
    pub fn new(parts: AccountsParts) -> (Accounts, ForgottenPasswords) {
        let (forgotten, waiting) = ForgottenPasswords::queue();
        let parts = Arc::new(parts);
        let accounts = Accounts { parts, forgotten };
        let answering = ForgottenPasswords::new(accounts.clone(), waiting);
        (accounts, answering)
    }

    /// The roles that somebody has by the log; none without an account.
    pub async fn roles(&self, id: UserId) -> Result<BTreeSet<Role>, AccountError> {
        let loaded = self.parts.commands.load(StreamId::user(id)).await?.state;
        let roles = loaded.as_user().map(|user| user.roles.clone());
        Ok(roles.unwrap_or_default())
    }

    /// A user's account, if it exists and is active.
    pub(crate) async fn active_user(&self, id: UserId) -> Result<Option<User>, AccountError> {
        let loaded = self.parts.commands.load(StreamId::user(id)).await?.state;
        Ok(loaded.as_user().filter(|user| user.is_active()).cloned())
    }

    pub(crate) fn trail(&self) -> Trail {
        let trail = self.parts.read_models.trail();
        Trail::new(self.parts.feed.clone(), trail.clone())
    }
}
