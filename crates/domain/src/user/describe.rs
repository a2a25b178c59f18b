use std::collections::BTreeSet;

use super::{Role, User, UserEvent};
use crate::describe::personal;
use crate::email::Email;
use crate::personal::Personal;

impl UserEvent {
    /// Describes the event in words. `before` is the state just before the event.
    pub fn describe(&self, before: &User) -> String {
        match self {
            Self::Registered {
                email,
                first_name,
                last_name,
                roles,
            } => format!(
                "registered: {}, as {}",
                person(first_name, last_name, email),
                shown(roles)
            ),
            Self::Imported {
                source,
                external_id,
            } => format!("customer imported from {source}: {}", personal(external_id)),
            Self::Renamed {
                first_name,
                last_name,
            } => {
                let from = name(&before.first_name, &before.last_name);
                let to = name(first_name, last_name);
                // Imported customers begin without a name.
                match (before.first_name.known(), first_name.known()) {
                    (None, Some(_)) => format!("named {to}"),
                    _ => format!("renamed from {from} to {to}"),
                }
            }
            Self::RolesChanged { roles } => format!(
                "roles changed from {} to {}",
                shown(&before.roles),
                shown(roles)
            ),
            Self::Deactivated {} => {
                "deactivated: nobody signs in or orders with this account".to_owned()
            }
            Self::Reactivated {} => "reactivated".to_owned(),
            Self::EmailVerified {} => "e-mail address verified".to_owned(),
            Self::Erased {} => {
                "erased: what identified this person can no longer be read".to_owned()
            }
        }
    }

    /// Whether [`UserEvent::describe`] uses the state before the event.
    pub const fn tells_what_was_before(&self) -> bool {
        match self {
            Self::Renamed { .. } | Self::RolesChanged { .. } => true,
            Self::Registered { .. }
            | Self::Imported { .. }
            | Self::Deactivated {}
            | Self::Reactivated {}
            | Self::EmailVerified {}
            | Self::Erased {} => false,
        }
    }
}

/// All personal data of one person has one key and is erased together, so checking the e-mail is
/// enough.
fn person(first: &Personal<String>, last: &Personal<String>, email: &Personal<Email>) -> String {
    match email.known() {
        Some(email) => format!("{}, {email}", name(first, last)),
        None => personal(email),
    }
}

fn name(first: &Personal<String>, last: &Personal<String>) -> String {
    match (first.known(), last.known()) {
        (Some(first), Some(last)) => format!("{first} {last}"),
        _ => personal(first),
    }
}

fn shown(roles: &BTreeSet<Role>) -> String {
    let names: Vec<String> = roles.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(" and "),
    }
}
