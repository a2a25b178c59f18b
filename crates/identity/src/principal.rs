use std::collections::BTreeSet;

use daybook_domain::UserId;
use daybook_domain::user::Role;
use uuid::Uuid;

/// The user for whom a request is made, according to its proof of identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub user_id: UserId,
    /// The roles that the proof grants; the log knows whether the user is an administrator.
    pub roles: BTreeSet<Role>,
    pub means: Means,
}

/// The proof of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// An access token of a session.
    Session {
        id: Uuid,
        /// The generation of the account's tokens when this one was made.
        generation: i64,
    },
    /// An API key, which acts for the user who made it.
    ApiKey { id: Uuid },
}
