use daybook_domain::user::Role;
use daybook_domain::{StreamId, UserId};

use crate::command::{Aggregates, Command, Decision, Person, StreamUse};
use crate::refusal::Refusal;

/// A command that counts only if whoever gives it is an administrator at the moment when it is written: the append
/// confirms the version of their account, too. So if two administrators take the role from each other at the same time,
/// one of them succeeds, and a shop that has an administrator keeps one.
#[derive(Clone)]
pub struct ByAdmin<C> {
    pub admin: UserId,
    pub command: C,
}

impl<C: Command> Command for ByAdmin<C> {
    type Outcome = C::Outcome;

    fn streams(&self) -> Vec<StreamUse> {
        let own = StreamUse::Existing(StreamId::user(self.admin));
        let mut streams = self.command.streams();
        if !streams.contains(&own) {
            streams.push(own);
        }
        streams
    }

    fn further_streams(&self, aggregates: &Aggregates<'_>) -> Vec<StreamUse> {
        self.command.further_streams(aggregates)
    }

    fn person(&self) -> Option<Person> {
        self.command.person()
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<C::Outcome>, Refusal> {
        let admin = aggregates.user(self.admin).state;
        match admin.is_active() && admin.roles.contains(&Role::Admin) {
            true => self.command.decide(aggregates),
            false => Err(Refusal::NoAdministrator),
        }
    }
}
