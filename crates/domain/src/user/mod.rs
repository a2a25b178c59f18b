//! A person with an account. What identifies them is personal data and sealed in the log; their password never is
//! in it. That an e-mail address is taken only once is a unique claim beside the log.

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
    /// For good: nobody is there any more, and the id is never anybody else's.
    pub erased: bool,
    /// Nothing but reactivating or erasing it changes the account meanwhile.
    pub deactivated: bool,
    pub email: Personal<Email>,
    pub email_verified: bool,
    pub first_name: Personal<String>,
    pub last_name: Personal<String>,
    pub roles: BTreeSet<Role>,
    /// What an imported customer is called where they come from; there is no account to sign in to.
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
