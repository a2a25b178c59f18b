//! API keys: making and revoking them, and how they look as JSON, in answers and exports.

use daybook_contract::{RoleName, Timestamp};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::api_key::{self, ApiKey, ApiKeyError, NewApiKey};
use daybook_identity::security::{Kind, RequestContext};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::Accounts;

impl Accounts {
    /// Makes a key. Its text is returned here and never again.
    pub async fn create_api_key(
        &self,
        request: &RequestContext,
        new: NewApiKey,
    ) -> Result<(ApiKey, String), ApiKeyError> {
        let (key, text) = api_key::create(&self.parts.pool, new).await?;
        let event = request.event(Kind::ApiKeyCreated).about(key.user_id);
        self.parts.security.record(event.of_api_key(key.id));
        Ok((key, text))
    }

    /// Revokes a key for ever, in every process. False if there is none.
    pub async fn revoke_api_key(
        &self,
        request: &RequestContext,
        admin: UserId,
        id: Uuid,
    ) -> Result<bool, sqlx::Error> {
        let Some(revoked) = api_key::revoke(&self.parts.pool, id).await? else {
            return Ok(false);
        };
        self.parts.revocations.note(revoked);
        let event = request.event(Kind::ApiKeyRevoked).by(admin);
        self.parts.security.record(event.of_api_key(id));
        Ok(true)
    }
}

/// A key without what would prove anything.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct ApiKeyRecord {
    id: Uuid,
    name: String,
    /// What the key itself begins with.
    prefix: String,
    #[schema(value_type = Vec<RoleName>)]
    roles: Vec<Role>,
    /// Who made it, and for whom it acts.
    #[schema(value_type = Uuid)]
    user_id: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    /// To the minute or so.
    last_used_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyRecord {
    fn from(key: ApiKey) -> ApiKeyRecord {
        ApiKeyRecord {
            prefix: key.prefix(),
            id: key.id,
            name: key.name,
            roles: key.roles,
            user_id: key.user_id,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.into(),
            revoked_at: key.revoked_at.map(Timestamp::from),
            last_used_at: key.last_used_at.map(Timestamp::from),
        }
    }
}
