use std::collections::BTreeSet;

use super::{Role, User, UserCommand, UserEvent, UserRejection};
use crate::email::Email;
use crate::personal::Personal;
use crate::rejection::InvalidField;
use crate::text;

impl User {
    pub fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserRejection> {
        match command {
            UserCommand::Register {
                email,
                first_name,
                last_name,
                roles,
            } => self.register(email, &first_name, &last_name, roles),
            UserCommand::Import {
                source,
                external_id,
            } => self.import(&source, &external_id),
            UserCommand::Rename {
                first_name,
                last_name,
            } => self.rename(first_name.as_deref(), last_name.as_deref()),
            UserCommand::ChangeRoles { roles } => self.change_roles(roles),
            UserCommand::Deactivate => self.deactivate(),
            UserCommand::Reactivate => self.reactivate(),
            UserCommand::VerifyEmail => self.verify_email(),
            UserCommand::Erase => self.erase(),
        }
    }

    fn register(
        &self,
        email: Email,
        first_name: &str,
        last_name: &str,
        roles: BTreeSet<Role>,
    ) -> Result<Vec<UserEvent>, UserRejection> {
        if self.registered {
            return Err(UserRejection::AlreadyExists);
        }
        Ok(vec![UserEvent::Registered {
            email: Personal::Known(email),
            first_name: first_name_of(first_name)?,
            last_name: last_name_of(last_name)?,
            roles: at_least_one(roles)?,
        }])
    }

    fn import(&self, source: &str, external_id: &str) -> Result<Vec<UserEvent>, UserRejection> {
        if self.registered {
            return match &self.external_id {
                // Also when they have been erased since then: an erased person stays forgotten.
                Some(_) => Ok(vec![]),
                None => Err(UserRejection::AlreadyExists),
            };
        }
        const MAX: usize = User::EXTERNAL_ID_MAX_CHARS;
        Ok(vec![UserEvent::Imported {
            source: text::line("/source", source, MAX)?,
            external_id: Personal::Known(text::line("/externalId", external_id, MAX)?),
        }])
    }

    fn rename(
        &self,
        first_name: Option<&str>,
        last_name: Option<&str>,
    ) -> Result<Vec<UserEvent>, UserRejection> {
        self.must_be_active()?;
        let first_name = first_name.map_or_else(|| Ok(self.first_name.clone()), first_name_of)?;
        let last_name = last_name.map_or_else(|| Ok(self.last_name.clone()), last_name_of)?;
        if first_name == self.first_name && last_name == self.last_name {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::Renamed {
            first_name,
            last_name,
        }])
    }

    fn change_roles(&self, roles: BTreeSet<Role>) -> Result<Vec<UserEvent>, UserRejection> {
        self.must_be_active()?;
        let roles = at_least_one(roles)?;
        if roles == self.roles {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::RolesChanged { roles }])
    }

    fn deactivate(&self) -> Result<Vec<UserEvent>, UserRejection> {
        self.must_exist()?;
        if self.deactivated {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::Deactivated {}])
    }

    fn reactivate(&self) -> Result<Vec<UserEvent>, UserRejection> {
        self.must_exist()?;
        if !self.deactivated {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::Reactivated {}])
    }

    fn verify_email(&self) -> Result<Vec<UserEvent>, UserRejection> {
        self.must_be_active()?;
        if self.external_id.is_some() {
            return Err(UserRejection::NoEmail);
        }
        if self.email_verified {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::EmailVerified {}])
    }

    fn erase(&self) -> Result<Vec<UserEvent>, UserRejection> {
        if !self.registered {
            return Err(UserRejection::NotFound);
        }
        if self.erased {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::Erased {}])
    }

    /// A rule for users that also applies to the customer who places an order.
    pub fn must_be_active(&self) -> Result<(), UserRejection> {
        self.must_exist()?;
        if self.deactivated {
            return Err(UserRejection::Deactivated);
        }
        Ok(())
    }

    fn must_exist(&self) -> Result<(), UserRejection> {
        if self.exists() {
            Ok(())
        } else {
            Err(UserRejection::NotFound)
        }
    }
}

fn first_name_of(name: &str) -> Result<Personal<String>, InvalidField> {
    text::line("/firstName", name, User::NAME_MAX_CHARS).map(Personal::Known)
}

fn last_name_of(name: &str) -> Result<Personal<String>, InvalidField> {
    text::line("/lastName", name, User::NAME_MAX_CHARS).map(Personal::Known)
}

fn at_least_one(roles: BTreeSet<Role>) -> Result<BTreeSet<Role>, InvalidField> {
    if roles.is_empty() {
        return Err(InvalidField::new(
            "/roles",
            "required",
            "Give at least one role.",
        ));
    }
    Ok(roles)
}
