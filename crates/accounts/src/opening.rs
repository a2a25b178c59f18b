//! Opening an account. The password's hash is stored first, so that no acknowledged user lacks one.

use std::collections::BTreeSet;

use daybook_domain::user::Role;
use daybook_domain::{Email, UserId};
use daybook_identity::credentials;
use daybook_identity::security::{Kind, RequestContext, SecurityEvent};
use error_reporter::Report;
use tracing::warn;

use crate::accounts::Accounts;
use crate::error::AccountError;
use crate::sign_in::hash_new;

/// An account whose password is stored, but which is not in the log yet.
#[must_use = "say what became of it"]
pub struct Opening {
    accounts: Accounts,
    id: UserId,
    /// To be recorded when it has been opened.
    event: Option<SecurityEvent>,
}

/// The result of the command that registers the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Opened,
    /// Refused, or answered earlier.
    NotOpened,
    /// It is unknown whether the command was executed.
    Unknown,
}

impl Accounts {
    pub async fn begin_opening(
        &self,
        id: UserId,
        email: &Email,
        password: &str,
    ) -> Result<Opening, AccountError> {
        let hash = hash_new(password, email, AccountError::WeakPassword).await?;
        credentials::store(&self.parts.pool, id, &hash).await?;
        Ok(Opening {
            accounts: self.clone(),
            id,
            event: None,
        })
    }
}

impl Opening {
    /// Whoever opens it is not its owner but an administrator, who gives it these roles.
    pub fn by_admin(
        self,
        request: &RequestContext,
        admin: UserId,
        roles: BTreeSet<Role>,
    ) -> Opening {
        let event = request.event(Kind::AccountCreated).about(self.id).by(admin);
        Opening {
            event: Some(event.with_roles(roles)),
            ..self
        }
    }

    /// Welcomes the new user, or deletes the hash if there is none. If that is unknown, the hash stays: it does no
    /// harm.
    pub async fn end(self, fate: Fate) {
        let Opening {
            accounts,
            id,
            event,
        } = self;
        match fate {
            Fate::Opened => {
                accounts.welcome(id).await;
                if let Some(event) = event {
                    accounts.parts.security.record(event);
                }
            }
            Fate::Unknown => {}
            Fate::NotOpened => {
                if let Err(error) = credentials::remove(&accounts.parts.pool, id).await {
                    warn!(user.id = %id, error = %Report::new(&error), "a password's hash without a user was left behind");
                }
            }
        }
    }
}
