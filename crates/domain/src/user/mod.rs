//! A person with an account. Data that identifies them is personal and sealed in the log; their password is never in
//! it. That an e-mail address is taken only once is ensured by a unique claim beside the log.

mod apply;
mod command;
mod decide;
mod describe;
mod event;
mod rejection;
mod role;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::command::UserCommand;
pub use self::event::UserEvent;
pub use self::rejection::UserRejection;
pub use self::role::{Role, UnknownRole};
use crate::email::Email;
use crate::personal::Personal;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub registered: bool,
    /// Erased for ever: the person is forgotten, and the id is never given to anybody else.
    pub erased: bool,
    /// While this holds, only reactivating or erasing changes the account.
    pub deactivated: bool,
    pub email: Personal<Email>,
    pub email_verified: bool,
    pub first_name: Personal<String>,
    pub last_name: Personal<String>,
    pub roles: BTreeSet<Role>,
    /// The identifier of an imported customer in the system they come from; such a customer has no account to sign in
    /// to.
    pub external_id: Option<Personal<String>>,
}

impl User {
    pub const NAME_MAX_CHARS: usize = 100;
    pub const EXTERNAL_ID_MAX_CHARS: usize = 100;

    pub const fn exists(&self) -> bool {
        self.registered && !self.erased
    }

    /// Whether somebody may act with this account.
    pub const fn is_active(&self) -> bool {
        self.exists() && !self.deactivated
    }
}
