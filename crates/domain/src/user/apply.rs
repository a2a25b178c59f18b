use std::collections::BTreeSet;

use super::{Role, User, UserEvent};
use crate::personal::Personal;

impl User {
    pub fn evolve(&mut self, event: &UserEvent) {
        match event {
            UserEvent::Registered {
                email,
                first_name,
                last_name,
                roles,
            } => {
                self.registered = true;
                self.email = email.clone();
                self.first_name = first_name.clone();
                self.last_name = last_name.clone();
                self.roles = roles.clone();
            }
            UserEvent::Imported {
                source: _,
                external_id,
            } => {
                self.registered = true;
                self.external_id = Some(external_id.clone());
                self.roles = BTreeSet::from([Role::User]);
            }
            UserEvent::Renamed {
                first_name,
                last_name,
            } => {
                self.first_name = first_name.clone();
                self.last_name = last_name.clone();
            }
            UserEvent::RolesChanged { roles } => self.roles = roles.clone(),
            UserEvent::Deactivated {} => self.deactivated = true,
            UserEvent::Reactivated {} => self.deactivated = false,
            UserEvent::EmailVerified {} => self.email_verified = true,
            UserEvent::Erased {} => {
                *self = User {
                    registered: true,
                    erased: true,
                    external_id: self.external_id.as_ref().map(|_| Personal::Erased),
                    ..User::default()
                };
            }
        }
    }
}
