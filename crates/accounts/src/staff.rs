//! Staff who sign in at an identity provider.

use daybook_domain::user::Role;
use daybook_domain::{Email, UserId};
use daybook_identity::oidc::{self, Subject};
use daybook_identity::security::RequestContext;
use daybook_identity::session;

use crate::accounts::Accounts;
use crate::error::AccountError;
use crate::session::Tokens;
use crate::sign_in::Proven;

impl Accounts {
    /// Signs in the administrator whom the identity provider has confirmed: the one whose account has signed in there
    /// before, or whose e-mail address the provider has verified.
    pub async fn sign_in_staff(
        &self,
        request: &RequestContext,
        subject: &Subject,
    ) -> Result<Tokens, AccountError> {
        let id = match oidc::linked(&self.parts.pool, subject).await? {
            Some(id) => Some(id),
            None => self.owner_of_verified_email(subject).await?,
        };
        let id = id.ok_or(AccountError::NoStaffAccount)?;
        // Read before the account is checked: whatever is revoked after that starts another generation.
        let generation = session::generation(&self.parts.pool, id).await?;
        self.active_user(id)
            .await?
            .filter(|user| user.roles.contains(&Role::Admin))
            .ok_or(AccountError::NoStaffAccount)?;
        oidc::link(&self.parts.pool, subject, id).await?;
        self.begin_session(request, Proven { id, generation }).await
    }

    async fn owner_of_verified_email(
        &self,
        subject: &Subject,
    ) -> Result<Option<UserId>, AccountError> {
        let email = subject.email.as_deref();
        match email.and_then(|email| email.parse::<Email>().ok()) {
            Some(email) => Ok(self.parts.commands.email_owner(&email).await?),
            None => Ok(None),
        }
    }
}
