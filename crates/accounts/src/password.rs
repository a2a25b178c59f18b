//! Changing a password, and replacing a forgotten one.

use daybook_domain::UserId;
use daybook_identity::account;
use daybook_identity::one_time::{self, Purpose};
use daybook_identity::security::{Kind, RequestContext};

use crate::accounts::Accounts;
use crate::error::AccountError;
use crate::sign_in::hash_new;

impl Accounts {
    /// All sessions end. Guessing the old password is delayed as it is when signing in.
    pub async fn change_password(
        &self,
        request: &RequestContext,
        id: UserId,
        old: &str,
        new: &str,
    ) -> Result<(), AccountError> {
        let user = self.active_user(id).await?;
        let email = user.as_ref().and_then(|user| user.email.known());
        let email = email.ok_or(AccountError::NoAccount)?;
        let hash = hash_new(new, email, AccountError::WeakNewPassword).await?;
        let proven = self.authenticate(request, email.as_str(), old).await?;
        let generation = proven.ok_or(AccountError::WrongPassword)?.generation;
        let changed = account::change_password(&self.parts.pool, id, generation, &hash).await?;
        // Somebody else has changed it in the meantime, so that the old one is no longer right.
        self.parts
            .revocations
            .note(changed.ok_or(AccountError::WrongPassword)?);
        let event = request.event(Kind::PasswordChanged);
        self.parts.security.record(event.about(id));
        Ok(())
    }

    /// Replaces a forgotten password, by the token that was sent to its owner. All sessions end.
    pub async fn reset_password(
        &self,
        request: &RequestContext,
        token: &str,
        new: &str,
    ) -> Result<(), AccountError> {
        let issued = one_time::find(&self.parts.pool, Purpose::PasswordReset, token).await?;
        let issued = issued.ok_or(AccountError::InvalidToken)?;
        let id = issued.user_id;
        let user = self.active_user(id).await?;
        let email = user.as_ref().and_then(|user| user.email.known());
        let email = email
            .filter(|email| issued.was_sent_to(email))
            .ok_or(AccountError::InvalidToken)?;
        let hash = hash_new(new, email, AccountError::WeakNewPassword).await?;
        let reset = account::reset_password(&self.parts.pool, token, id, &hash).await?;
        self.parts
            .revocations
            .note(reset.ok_or(AccountError::InvalidToken)?);
        let event = request.event(Kind::PasswordReset);
        self.parts.security.record(event.about(id));
        // Lets the owner sign in at once, even while strangers are guessing the password.
        self.forgive(request, email, id).await
    }
}
