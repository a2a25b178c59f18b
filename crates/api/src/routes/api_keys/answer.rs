//! New API keys in answers.

use daybook_accounts::ApiKeyRecord;
use daybook_identity::api_key::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MadeApiKey)]
pub(super) struct MadeApiKeyAnswer {
    #[serde(flatten)]
    about: ApiKeyRecord,
    /// The key itself, shown here and never again.
    #[schema(pattern = "^dbk_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{49}$")]
    key: String,
}

impl MadeApiKeyAnswer {
    pub(super) fn of(key: ApiKey, text: String) -> MadeApiKeyAnswer {
        MadeApiKeyAnswer {
            about: key.into(),
            key: text,
        }
    }
}
