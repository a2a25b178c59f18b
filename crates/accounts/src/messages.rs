//! Messages to people about their accounts. Each contains a one-time token, and is written to the outbox in the
//! transaction that stores the token.

use std::collections::BTreeMap;

use daybook_domain::user::User;
use daybook_domain::{Email, UserId};
use daybook_identity::one_time::{self, OneTimeToken, Purpose};
use daybook_identity::security::SecurityEvent;
use daybook_processes::outbox::{Content, Template};
use error_reporter::Report;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::accounts::Accounts;
use crate::error::AccountError;

/// How many forgotten passwords may wait; further ones are refused, whether or not the address has an account.
const WAITING: usize = 1_024;

impl Accounts {
    /// Writes a message with a token of `purpose` to somebody. Returns false if it did not: because they got many
    /// lately, or because there is no address to write to.
    pub(crate) async fn write(
        &self,
        id: UserId,
        user: &User,
        purpose: Purpose,
    ) -> Result<bool, AccountError> {
        let Some(email) = user.email.known().filter(|_| user.is_active()) else {
            return Ok(false);
        };
        let token = OneTimeToken::generate()?;
        let sealed = self
            .parts
            .outbox
            .seal(id, template(purpose), &content(user, email, &token))
            .await?;
        let Some(message) = sealed else {
            return Ok(false);
        };
        let mut transaction = daybook_database::begin(&self.parts.pool).await?;
        if !one_time::issue(&mut transaction, &token, id, purpose, email).await? {
            return Ok(false);
        }
        self.parts.outbox.put(&mut transaction, &message).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Asks somebody who has just opened an account to verify their address. If this fails, they have the account all
    /// the same and can ask for another message.
    pub(crate) async fn welcome(&self, id: UserId) {
        if let Err(error) = self.write_to(id, Purpose::EmailVerification).await {
            warn!(user.id = %id, error = %Report::new(&error), "a new account was not asked to verify its address");
        }
    }

    async fn write_to(&self, id: UserId, purpose: Purpose) -> Result<(), AccountError> {
        if let Some(user) = self.active_user(id).await? {
            self.write(id, &user, purpose).await?;
        }
        Ok(())
    }

    /// Sends a message to the owner of an address who has forgotten the password. Whether there is such an account is
    /// looked up later, so that neither the answer nor its time tells.
    pub fn ask_password_reset(
        &self,
        email: Email,
        event: SecurityEvent,
    ) -> Result<(), TooManyForgotten> {
        let asked = Forgotten { email, event };
        let sent = self.forgotten.try_send(asked);
        sent.map_err(|_| TooManyForgotten)
    }
}

fn template(purpose: Purpose) -> Template {
    match purpose {
        Purpose::PasswordReset => Template::ResetPassword,
        Purpose::EmailVerification => Template::VerifyEmail,
    }
}

fn content(user: &User, email: &Email, token: &OneTimeToken) -> Content {
    let name = user.first_name.known().cloned().unwrap_or_default();
    let values = [
        ("firstName".to_owned(), name),
        ("token".to_owned(), token.expose().to_owned()),
    ];
    Content {
        to: email.clone(),
        values: BTreeMap::from(values),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("too many are asking for a new password")]
pub struct TooManyForgotten;

/// An address whose owner has forgotten the password, and the event to record once it is known whose account it is.
pub(crate) struct Forgotten {
    email: Email,
    event: SecurityEvent,
}

/// Processes forgotten passwords, one after another.
pub struct ForgottenPasswords {
    accounts: Accounts,
    waiting: Receiver<Forgotten>,
}

impl ForgottenPasswords {
    pub(crate) fn queue() -> (Sender<Forgotten>, Receiver<Forgotten>) {
        mpsc::channel(WAITING)
    }

    pub(crate) fn new(accounts: Accounts, waiting: Receiver<Forgotten>) -> ForgottenPasswords {
        ForgottenPasswords { accounts, waiting }
    }

    /// Runs until `stop`, and until those accepted by then are done.
    pub async fn answer(mut self, stop: CancellationToken) {
        while let Some(Some(asked)) = stop.run_until_cancelled(self.waiting.recv()).await {
            self.answer_one(asked).await;
        }
        self.waiting.close();
        while let Ok(asked) = self.waiting.try_recv() {
            self.answer_one(asked).await;
        }
    }

    async fn answer_one(&self, asked: Forgotten) {
        if let Err(error) = self.write_reset(asked).await {
            warn!(
                error = %Report::new(&error),
                "somebody who forgot their password was not written to"
            );
        }
    }

    async fn write_reset(&self, Forgotten { email, event }: Forgotten) -> Result<(), AccountError> {
        let owner = self.accounts.parts.commands.email_owner(&email).await?;
        self.accounts.parts.security.record(event.about(owner));
        match owner {
            Some(id) => self.accounts.write_to(id, Purpose::PasswordReset).await,
            None => Ok(()),
        }
    }
}
