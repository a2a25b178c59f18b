//! Beginning, refreshing and ending sessions.

use std::time::Duration;

use chrono::{SubsecRound, Utc};
use daybook_domain::{StreamId, UserId};
use daybook_identity::security::{Kind, RequestContext};
use daybook_identity::session::{self, Session, SessionError};
use daybook_identity::{Principal, Revoked};

use crate::accounts::Accounts;
use crate::error::AccountError;
use crate::sign_in::Proven;

/// The tokens with which a client stays signed in.
pub struct Tokens {
    pub access_token: String,
    /// The time until the access token expires.
    pub expires_in: Duration,
    /// Can be used once.
    pub refresh_token: String,
}

impl Accounts {
    pub async fn sign_in(
        &self,
        request: &RequestContext,
        email: &str,
        password: &str,
    ) -> Result<Tokens, AccountError> {
        let proven = self.authenticate(request, email, password).await?;
        let proven = proven.ok_or(AccountError::WrongCredentials)?;
        self.refuse_deactivated(proven.id).await?;
        self.begin_session(request, proven).await
    }

    pub(crate) async fn begin_session(
        &self,
        request: &RequestContext,
        Proven { id, generation }: Proven,
    ) -> Result<Tokens, AccountError> {
        let session = session::start(&self.parts.pool, id, generation, self.parts.sessions).await?;
        let event = request.event(Kind::SignedIn).about(id);
        self.parts.security.record(event.of_session(session.id));
        self.tokens(session).await
    }

    /// Exchanges a refresh token for new tokens. If a used token is presented again, its session ends.
    pub async fn refresh(
        &self,
        request: &RequestContext,
        refresh_token: &str,
    ) -> Result<Tokens, AccountError> {
        let session = session::refresh(&self.parts.pool, refresh_token, self.parts.sessions).await;
        if let Err(SessionError::Invalid {
            ended: Some((user_id, id)),
        }) = &session
        {
            self.parts.revocations.note(Revoked::Session(*id));
            let event = request.event(Kind::RefreshReused).about(*user_id);
            self.parts.security.record(event.of_session(*id));
        }
        self.tokens(session?).await
    }

    /// Ends the session of a refresh token. An unknown token counts as ended.
    pub async fn sign_out(
        &self,
        request: &RequestContext,
        refresh_token: &str,
    ) -> Result<(), AccountError> {
        if let Some((user_id, revoked)) = session::end(&self.parts.pool, refresh_token).await? {
            self.parts.revocations.note(revoked);
            let event = request.event(Kind::LoggedOut);
            self.parts.security.record(event.about(user_id));
        }
        Ok(())
    }

    /// Ends all sessions of an account.
    pub async fn sign_out_everywhere(
        &self,
        request: &RequestContext,
        id: UserId,
    ) -> Result<(), AccountError> {
        let revoked = session::end_all(&self.parts.pool, id).await?;
        self.parts.revocations.note(revoked);
        let event = request.event(Kind::LoggedOutEverywhere);
        self.parts.security.record(event.about(id));
        Ok(())
    }

    /// Call it only for somebody who has proven that the account is theirs.
    async fn refuse_deactivated(&self, id: UserId) -> Result<(), AccountError> {
        let loaded = self.parts.commands.load(StreamId::user(id)).await?.state;
        match loaded.as_user().is_some_and(|user| user.deactivated) {
            true => Err(AccountError::Deactivated),
            false => Ok(()),
        }
    }

    /// The roles are the present ones, from the log.
    async fn tokens(&self, session: Session) -> Result<Tokens, AccountError> {
        // They may have been erased or deactivated since they proved who they are.
        let user = self.active_user(session.user_id).await?;
        let principal = Principal {
            user_id: session.user_id,
            roles: user.ok_or(AccountError::WrongCredentials)?.roles,
            means: session.means(),
        };
        let (now, ttl) = (Utc::now().trunc_subsecs(3), self.parts.access_token_ttl);
        Ok(Tokens {
            access_token: self.parts.token_keys.sign(&principal, now, ttl)?,
            expires_in: ttl,
            refresh_token: session.refresh_token,
        })
    }
}
