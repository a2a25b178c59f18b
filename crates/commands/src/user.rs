//! Commands on accounts.

use std::collections::BTreeSet;

use daybook_domain::user::{Role, User, UserCommand, UserEvent, UserRejection};
use daybook_domain::{Email, StreamId, UserId, Versioned};

use crate::claims::{ClaimKind, NewClaim};
use crate::command::{Aggregates, Command, Decision, Person, StreamUse};
use crate::refusal::{Refusal, check_version};

/// The password is not here: it is stored as a hash beside the log, never in it.
#[derive(Clone)]
pub struct RegisterUser {
    pub id: UserId,
    pub email: Email,
    pub first_name: String,
    pub last_name: String,
    pub roles: BTreeSet<Role>,
}

#[derive(Clone)]
pub struct RenameUser {
    pub id: UserId,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub expected_version: Option<i64>,
}

#[derive(Clone)]
pub struct ChangeUserRoles {
    pub id: UserId,
    pub roles: BTreeSet<Role>,
    pub expected_version: Option<i64>,
}

/// Sessions and access tokens of the account are not in the log: whoever sends this command must end them too.
#[derive(Clone)]
pub struct DeactivateUser {
    pub id: UserId,
}

#[derive(Clone)]
pub struct ReactivateUser {
    pub id: UserId,
}

#[derive(Clone)]
pub struct VerifyEmail {
    pub id: UserId,
}

/// Once it is carried out, call [`CommandBus::forget`] so that this process forgets the person too.
///
/// [`CommandBus::forget`]: crate::CommandBus::forget
#[derive(Clone)]
pub struct EraseUser {
    pub id: UserId,
    pub expected_version: Option<i64>,
}

impl Command for RegisterUser {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Fresh(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::New(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        let email = NewClaim {
            kind: ClaimKind::Email,
            value: self.email.canonical(),
            owner: self.id.to_string(),
        };
        let command = UserCommand::Register {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            roles: self.roles.clone(),
        };
        Ok(decide(aggregates, self.id, command)?.take([email]))
    }
}

impl Command for RenameUser {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::Known(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        check_exists_at(aggregates, self.id, self.expected_version)?;
        let command = UserCommand::Rename {
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
        };
        decide(aggregates, self.id, command)
    }
}

impl Command for ChangeUserRoles {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::Known(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        check_exists_at(aggregates, self.id, self.expected_version)?;
        decide(
            aggregates,
            self.id,
            UserCommand::ChangeRoles {
                roles: self.roles.clone(),
            },
        )
    }
}

impl Command for DeactivateUser {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::Known(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        decide(aggregates, self.id, UserCommand::Deactivate)
    }
}

impl Command for ReactivateUser {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn person(&self) -> Option<Person> {
        Some(Person::Known(self.id))
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        decide(aggregates, self.id, UserCommand::Reactivate)
    }
}

impl Command for VerifyEmail {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        decide(aggregates, self.id, UserCommand::VerifyEmail)
    }
}

impl Command for EraseUser {
    type Outcome = Versioned<User>;

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Existing(StreamId::user(self.id))]
    }

    /// The append releases everything that the person holds. Releasing the e-mail address here too keeps it from being
    /// taken in the same batch, where nobody could tell who had it first.
    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<Versioned<User>>, Refusal> {
        let user = aggregates.user(self.id);
        if !user.state.registered {
            return Err(UserRejection::NotFound.into());
        }
        check_version(self.expected_version, user.version)?;
        let held = user.state.email.known().map(|email| NewClaim {
            kind: ClaimKind::Email,
            value: email.canonical(),
            owner: self.id.to_string(),
        });
        Ok(decide(aggregates, self.id, UserCommand::Erase)?.release(held))
    }
}

/// An account that does not exist has no version to compare.
fn check_exists_at(
    aggregates: &Aggregates<'_>,
    id: UserId,
    expected_version: Option<i64>,
) -> Result<(), Refusal> {
    let user = aggregates.user(id);
    if !user.state.exists() {
        return Err(UserRejection::NotFound.into());
    }
    check_version(expected_version, user.version)
}

fn decide(
    aggregates: &Aggregates<'_>,
    id: UserId,
    command: UserCommand,
) -> Result<Decision<Versioned<User>>, Refusal> {
    let user = aggregates.user(id);
    let events: Vec<UserEvent> = user.state.decide(command)?;
    let changed = user.after(&events, User::evolve, aggregates.now);
    Ok(Decision::new(changed).append(StreamId::user(id), events))
}
