//! Showing that one reads what is sent to an e-mail address.

use daybook_domain::UserId;
use daybook_identity::one_time::{self, Purpose};
use daybook_identity::security::{Kind, RequestContext};

use crate::accounts::Accounts;
use crate::error::AccountError;

impl Accounts {
    /// Sends another message by which the address can be verified; the one before is then worthless.
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

    /// Whose address a token verifies, if it is still the one that it was sent to.
    pub async fn find_email_verification(&self, token: &str) -> Result<UserId, AccountError> {
        let issued = one_time::find(&self.pool, Purpose::EmailVerification, token).await?;
        let issued = issued.ok_or(AccountError::InvalidToken)?;
        let user = self.active_user(issued.user_id).await?;
        let email = user.as_ref().and_then(|user| user.email.known());
        match email.is_some_and(|email| issued.was_sent_to(email)) {
            true => Ok(issued.user_id),
            false => Err(AccountError::InvalidToken),
        }
    }

    /// Uses a token up, once the log says that the address is verified: so it is not lost where the log could not be
    /// reached.
    pub async fn spend_email_verification(&self, token: &str) -> Result<(), AccountError> {
        match one_time::spend(&self.pool, Purpose::EmailVerification, token).await? {
            true => Ok(()),
            false => Err(AccountError::InvalidToken),
        }
    }

    pub fn email_was_verified(&self, request: &RequestContext, id: UserId) {
        let event = request.event(Kind::EmailVerification);
        self.security.record(event.about(id));
    }
}
