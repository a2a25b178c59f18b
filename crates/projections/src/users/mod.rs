//! People with an account.

mod fold;
mod forget;
mod project;
mod query;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daybook_domain::{UserId, user::Role};

pub use self::{
    forget::forget,
    project::{NAME, Users},
    query::UserQueries,
};

/// A person with an account, or an imported customer. The identifying fields are `None` once they have been erased.
#[derive(Clone, PartialEq)]
pub struct User {
    pub id: UserId,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub roles: BTreeSet<Role>,
    /// The identifier of an imported customer, who has no account, in the system they come from.
    pub external_id: Option<String>,
    /// Whether somebody has shown that they read what is sent to the e-mail address.
    pub email_verified: bool,
    /// `None` while the account may be used.
    pub deactivated_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

impl User {
    /// When the account was erased: that is the last thing that happens to an account, and the only one that takes
    /// every role away.
    pub fn erased_at(&self) -> Option<DateTime<Utc>> {
        self.roles.is_empty().then_some(self.updated_at)
    }
}

/// Shows nothing personal, so that it may be logged.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
