//! Security events as JSON, in answers and exports.

use daybook_contract::Timestamp;
use daybook_identity::security::KeptEvent;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A security event. Of an erased person it keeps what happened and when.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecurityEventAnswer)]
pub struct SecurityEventRecord {
    id: i64,
    at: Timestamp,
    /// `signed-in`, `sign-in-failed` …
    kind: String,
    /// `success`, `failure` or `denied`.
    outcome: String,
    /// Whom it concerns.
    user_id: Option<Uuid>,
    /// Who did it, if that was somebody else.
    actor_id: Option<Uuid>,
    session_id: Option<Uuid>,
    api_key_id: Option<Uuid>,
    /// Where it was asked for from.
    address: Option<String>,
    /// Method and path, its parameters by their names.
    route: Option<String>,
    request_id: Option<String>,
    /// How often within the minute that begins with `at`, of what is counted.
    times: i32,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl From<KeptEvent> for SecurityEventRecord {
    fn from(event: KeptEvent) -> SecurityEventRecord {
        SecurityEventRecord {
            id: event.id,
            at: event.at.into(),
            kind: event.kind,
            outcome: event.outcome,
            user_id: event.user_id,
            actor_id: event.actor_id,
            session_id: event.session_id,
            api_key_id: event.api_key_id,
            address: event.address,
            route: event.route,
            request_id: event.request_id,
            times: event.times,
            detail: event.detail.0,
        }
    }
}

impl SecurityEventRecord {
    /// The event as the person whom it concerns may see it: if somebody else did it, without their address.
    pub fn for_the_person(event: KeptEvent) -> SecurityEventRecord {
        let mut record = SecurityEventRecord::from(event);
        if record.actor_id.is_some() {
            (record.address, record.request_id) = (None, None);
        }
        record
    }
}
