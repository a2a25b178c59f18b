//! Proving by a password who somebody is, and how long a guess has to wait.

use std::net::IpAddr;

use daybook_domain::{Email, UserId};
use daybook_identity::guessing::{Admission, GuessContext};
use daybook_identity::password::{self, PasswordRule};
use daybook_identity::security::{Kind, RequestContext};
use daybook_identity::{credentials, session};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::error::AccountError;

/// A user who has proven who they are, and the generation of their tokens before that.
pub(crate) struct Proven {
    pub(crate) id: UserId,
    pub(crate) generation: i64,
}

impl Accounts {
    /// Takes the same time, and has the same delays, whether or not there is such a user. `None` for a wrong password.
    pub(crate) async fn authenticate(
        &self,
        request: &RequestContext,
        email: &str,
        password: &str,
    ) -> Result<Option<Proven>, AccountError> {
        let owner = match email.parse::<Email>() {
            Ok(email) => self.parts.commands.email_owner(&email).await?,
            Err(_) => None,
        };
        let context = self.guess_context(request, email, owner);
        let attempt = match self.parts.guessing.admit(context).await? {
            Admission::Granted(attempt) => attempt,
            Admission::Delayed(rest) => {
                let event = request.event(Kind::SignInDelayed);
                self.parts.security.record(event.about(owner));
                return Err(AccountError::Delayed(rest));
            }
        };
        // Also looked up if there is no such user, so that it takes as long.
        let known = self.stored(owner.unwrap_or(Uuid::nil().into())).await?;
        let hash = known.as_ref().map(|(_, hash)| hash.as_str());
        if !attempt.check(password, hash).await? {
            let event = request.event(Kind::SignInFailed);
            self.parts.security.record(event.about(owner));
            return Ok(None);
        }
        let generation = known.map(|(generation, _)| generation);
        let proven = owner.zip(generation);
        Ok(proven.map(|(id, generation)| Proven { id, generation }))
    }

    /// Lets the owner of an account sign in at once from their network: they have proven in another way that it is
    /// theirs, so strangers' wrong guesses no longer delay them.
    pub(crate) async fn forgive(
        &self,
        request: &RequestContext,
        email: &Email,
        owner: UserId,
    ) -> Result<(), AccountError> {
        let context = self.guess_context(request, &email.canonical(), Some(owner));
        Ok(self.parts.guessing.forgive(&context).await?)
    }

    /// Pseudonyms, so that nothing tells whose password is guessed from where.
    fn guess_context(
        &self,
        request: &RequestContext,
        email: &str,
        owner: Option<UserId>,
    ) -> GuessContext {
        let address = email
            .parse::<Email>()
            .map_or_else(|_| email.to_lowercase(), |email| email.canonical());
        let network = |network: IpAddr| {
            // Combined with the account, so that two accounts do not show that they share a network.
            self.parts
                .commands
                .pseudonym("network", &format!("{network} {address}"))
        };
        GuessContext {
            account: self.parts.commands.pseudonym("guessed", &address),
            network: request.network.map(network),
            user_id: owner,
        }
    }

    /// Reads the generation first: a password that is changed afterwards starts another generation.
    async fn stored(&self, id: UserId) -> Result<Option<(i64, String)>, sqlx::Error> {
        let generation = session::generation(&self.parts.pool, id).await?;
        let hash = credentials::find(&self.parts.pool, id).await?;
        Ok(hash.map(|hash| (generation, hash)))
    }
}

/// The hash of a new password, unless a rule forbids it.
pub(crate) async fn hash_new(
    password: &str,
    email: &Email,
    weak: fn(PasswordRule) -> AccountError,
) -> Result<String, AccountError> {
    let hash = password::hash_new(password, &email.canonical()).await?;
    hash.map_err(weak)
}
