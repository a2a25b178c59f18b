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
    /// Adds a customer whom another system knows. A second time changes nothing.
    Import {
        source: String,
        external_id: String,
    },
    /// A field that is left out stays as it is.
    Rename {
        first_name: Option<String>,
        last_name: Option<String>,
    },
    ChangeRoles {
        roles: BTreeSet<Role>,
    },
    /// A second time changes nothing.
    Deactivate,
    /// Changes nothing if the account is active.
    Reactivate,
    /// Somebody has shown that they read what is sent to the e-mail address. A second time changes
    /// nothing.
    VerifyEmail,
    /// Forgets for ever who the person was. A second time changes nothing.
    Erase,
}
