use std::collections::BTreeSet;

use super::Role;
use crate::email::Email;

/// Its `Debug` shows personal data: not for logs.
#[derive(Clone, Debug)]
pub enum UserCommand {
    Register {
        email: Email,
        first_name: String,
        last_name: String,
        roles: BTreeSet<Role>,
    },
    /// A customer whom another system knows; a second time changes nothing.
    Import {
        source: String,
        external_id: String,
    },
    /// What is left out stays as it is.
    Rename {
        first_name: Option<String>,
        last_name: Option<String>,
    },
    ChangeRoles {
        roles: BTreeSet<Role>,
    },
    /// A second time changes nothing.
    Deactivate,
    /// Of one that is active, changes nothing.
    Reactivate,
    /// Somebody has shown that they read what is sent there; a second time changes nothing.
    VerifyEmail,
    /// Forgets who it was, for good; a second time changes nothing.
    Erase,
}
