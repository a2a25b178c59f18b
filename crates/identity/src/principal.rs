use std::collections::BTreeSet;

use daybook_domain::UserId;
use daybook_domain::user::Role;
use uuid::Uuid;

/// On whose behalf a request is made, as something that proves it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub user_id: UserId,
    /// Those that the proof was given; who is an administrator is for the log to tell.
    pub roles: BTreeSet<Role>,
    pub means: Means,
}

/// What proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// An access token of a session.
    Session {
        id: Uuid,
        /// Of the account's tokens, when it was made.
        generation: i64,
    },
    /// An API key, which acts for whoever made it.
    ApiKey { id: Uuid },
}
