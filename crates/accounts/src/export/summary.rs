//! The first part of the export: the account, and the ways to sign in to it.

use chrono::{DateTime, SubsecRound, Utc};
use daybook_contract::Timestamp;
use daybook_domain::user::User;
use daybook_domain::{UserId, Versioned};
use daybook_history::past::UserRecord;
use daybook_identity::oidc::Linked;
use daybook_identity::session::KeptToken;
use daybook_identity::{api_key, credentials, oidc, session};
use daybook_log::Position;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Source;
use crate::api_key::ApiKeyRecord;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    id: UserId,
    exported_at: Timestamp,
    position: Position,
    account: UserRecord,
    password_set_at: Option<Timestamp>,
    sign_ins: Vec<SignIn>,
    api_keys: Vec<ApiKeyRecord>,
    identity_providers: Vec<IdentityProvider>,
}

/// A refresh token, without what would prove anything.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// Shared by all tokens that follow from one sign-in.
    id: Uuid,
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// When it was exchanged for the next one.
    spent_at: Option<Timestamp>,
}

/// What somebody is called by a provider at which they have signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityProvider {
    issuer: String,
    subject: String,
    linked_at: Timestamp,
}

impl Summary {
    pub(super) async fn of(
        source: &Source,
        account: &Versioned<User>,
    ) -> Result<Summary, sqlx::Error> {
        let pool = &source.accounts.parts.pool;
        let password_set_at = credentials::set_at(pool, source.id).await?;
        let tokens = session::of_user(pool, source.id).await?;
        let api_keys = api_key::of_user(pool, source.id).await?;
        let subjects = oidc::of_user(pool, source.id).await?;
        Ok(Summary {
            id: source.id,
            exported_at: Utc::now().trunc_subsecs(3).into(),
            position: source.position,
            account: UserRecord::of(source.id, account),
            password_set_at: password_set_at.map(<DateTime<Utc>>::into),
            sign_ins: tokens.into_iter().map(SignIn::from).collect(),
            api_keys: api_keys.into_iter().map(ApiKeyRecord::from).collect(),
            identity_providers: subjects.into_iter().map(IdentityProvider::from).collect(),
        })
    }
}

impl From<KeptToken> for SignIn {
    fn from(token: KeptToken) -> SignIn {
        SignIn {
            id: token.family,
            issued_at: token.issued_at.into(),
            expires_at: token.expires_at.into(),
            spent_at: token.spent_at.map(Timestamp::from),
        }
    }
}

impl From<Linked> for IdentityProvider {
    fn from(linked: Linked) -> IdentityProvider {
        IdentityProvider {
            issuer: linked.issuer,
            subject: linked.subject,
            linked_at: linked.linked_at.into(),
        }
    }
}
