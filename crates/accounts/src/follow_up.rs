//! What must follow once the log has a change of an account: credentials, sessions and what this process remembers are
//! not in the log.

use std::collections::BTreeSet;

use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::security::{Kind, RequestContext};
use daybook_identity::{account, revoke_tokens};

use crate::accounts::Accounts;

impl Accounts {
    /// Makes the account's access tokens invalid, in every process: refreshed ones have the new roles.
    pub async fn after_roles_changed(
        &self,
        request: &RequestContext,
        admin: UserId,
        id: UserId,
        roles: BTreeSet<Role>,
    ) -> Result<(), sqlx::Error> {
        let revoked = revoke_tokens(&self.parts.pool, id).await?;
        self.parts.revocations.note(revoked);
        let event = request.event(Kind::RoleChanged).about(id).by(admin);
        self.parts.security.record(event.with_roles(roles));
        Ok(())
    }

    /// Ends all sessions of the account, in every process. May be repeated.
    pub async fn after_deactivation(
        &self,
        request: &RequestContext,
        admin: UserId,
        id: UserId,
    ) -> Result<(), sqlx::Error> {
        let revoked = account::shut_out(&self.parts.pool, id).await?;
        self.parts.revocations.note(revoked);
        let event = request.event(Kind::Deactivated).about(id).by(admin);
        self.parts.security.record(event);
        Ok(())
    }

    pub fn after_reactivation(&self, request: &RequestContext, admin: UserId, id: UserId) {
        let event = request.event(Kind::Reactivated).about(id).by(admin);
        self.parts.security.record(event);
    }

    /// Forgets the person in this process. Other processes hear of the erasure; this one's next answer must not wait
    /// for that.
    pub fn after_erasure(&self, id: UserId) {
        self.parts.erasures.forget(id);
    }
}
