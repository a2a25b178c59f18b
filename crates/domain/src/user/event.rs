use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Role;
use crate::email::Email;
use crate::event_type::event_types;
use crate::ids::UserId;
use crate::personal::Personal;
use crate::stream::StreamId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum UserEvent {
    #[serde(rename = "user.registered")]
    Registered {
        email: Personal<Email>,
        first_name: Personal<String>,
        last_name: Personal<String>,
        roles: BTreeSet<Role>,
    },
    /// A customer of another system, of whom nothing is known but their identifier there.
    #[serde(rename = "user.imported")]
    Imported {
        source: String,
        external_id: Personal<String>,
    },
    /// Both names as they are from this event on.
    #[serde(rename = "user.renamed")]
    Renamed {
        first_name: Personal<String>,
        last_name: Personal<String>,
    },
    /// All roles as they are from this event on.
    #[serde(rename = "user.roles_changed")]
    RolesChanged { roles: BTreeSet<Role> },
    /// The account stays as it was, but nobody can sign in or order with it.
    #[serde(rename = "user.deactivated")]
    Deactivated {},
    #[serde(rename = "user.reactivated")]
    Reactivated {},
    /// The owner of the account has shown that they read what is sent to its e-mail address.
    #[serde(rename = "user.email_verified")]
    EmailVerified {},
    /// The key of the person's data was destroyed: what identifies them can no longer be read anywhere.
    #[serde(rename = "user.erased")]
    Erased {},
}

event_types! {
    UserEvent {
        Registered => "user.registered", version "1";
        Imported => "user.imported", version "1";
        Renamed => "user.renamed", version "1";
        RolesChanged => "user.roles_changed", version "1";
        Deactivated => "user.deactivated", version "1";
        Reactivated => "user.reactivated", version "1";
        EmailVerified => "user.email_verified", version "1";
        Erased => "user.erased", version "1";
    }
}

impl UserEvent {
    pub fn person(&self, stream: StreamId) -> Option<UserId> {
        match self {
            Self::Registered { .. } | Self::Imported { .. } | Self::Renamed { .. } => {
                Some(UserId::from(stream.id))
            }
            Self::RolesChanged { .. }
            | Self::Deactivated {}
            | Self::Reactivated {}
            | Self::EmailVerified {}
            | Self::Erased {} => None,
        }
    }
}
