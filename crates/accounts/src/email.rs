//! Verifying an e-mail address by a message that is sent to it.

use daybook_domain::UserId;
use daybook_identity::one_time::{self, Purpose};
use daybook_identity::security::{Kind, RequestContext};

use crate::accounts::Accounts;
use crate::error::AccountError;

impl Accounts {
    /// Sends another message by which the address can be verified; the previous one then no longer works.
    pub async fn ask_email_verification(&self, id: UserId) -> Result<(), AccountError> {
        let user = self.active_user(id).await?;
        let user = user.ok_or(AccountError::NoAccount)?;
        if user.email_verified {
            return Err(AccountError::AlreadyVerified);
        }
        match self.write(id, &user, Purpose::EmailVerification).await? {
            true => Ok(()),
            false => Err(AccountError::TooManyMessages),
        }
    }

    /// The owner of the address that a token verifies, if the token was sent to their present address.
    pub async fn find_email_verification(&self, token: &str) -> Result<UserId, AccountError> {
        let issued = one_time::find(&self.parts.pool, Purpose::EmailVerification, token).await?;
        let issued = issued.ok_or(AccountError::InvalidToken)?;
        let user = self.active_user(issued.user_id).await?;
        let email = user.as_ref().and_then(|user| user.email.known());
        match email.is_some_and(|email| issued.was_sent_to(email)) {
            true => Ok(issued.user_id),
            false => Err(AccountError::InvalidToken),
        }
    }

    /// Marks a token as used, once the log says that the address is verified. So the token is not lost if the log could
    /// not be reached.
    pub async fn spend_email_verification(&self, token: &str) -> Result<(), AccountError> {
        match one_time::spend(&self.parts.pool, Purpose::EmailVerification, token).await? {
            true => Ok(()),
            false => Err(AccountError::InvalidToken),
        }
    }

    pub fn email_was_verified(&self, request: &RequestContext, id: UserId) {
        let event = request.event(Kind::EmailVerification);
        self.parts.security.record(event.about(id));
    }
}
