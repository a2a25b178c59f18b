//! One event as the audit trail shows it.

use std::borrow::Cow;

use daybook_contract::Timestamp;
use daybook_domain::State;
use daybook_log::{Means, Metadata, Position, RecordedEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::TrailError;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// In the log.
    pub position: Position,
    /// Type and id of what it happened to: `order/0190d5a0-…`.
    pub stream: String,
    /// In the stream: 1, 2, 3 …
    pub sequence: i64,
    pub event_id: Uuid,
    pub r#type: Cow<'static, str>,
    /// What happened, in words. What was erased reads `(erased)`. Of an event that this version of Daybook does not know
    /// it says so.
    pub sentence: String,
    /// When it happened.
    pub at: Timestamp,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// `user:` and an id, `system:` and a part, or `anonymous`.
    pub actor: String,
    /// By which means the actor acted.
    #[schema(value_type = MeansName)]
    pub means: Means,
    /// Which key, where the means were an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<Uuid>,
    #[schema(inline)]
    pub cause: Cause,
    /// Shared by everything that one request set off.
    pub correlation_id: Uuid,
    /// The event that led to this one, where one did.
    pub causation_id: Option<Uuid>,
    pub request_id: Option<String>,
    /// The event's own words. Of an event that this version does not know as they are stored: personal data is sealed.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// What led to an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cause {
    #[schema(inline)]
    pub kind: CauseKind,
    /// An `eventId`; or the request's id, or where it has none the correlation's.
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    Event,
    Request,
}

#[derive(ToSchema)]
#[schema(as = Means, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only describes the log's type")]
pub(super) enum MeansName {
    Session,
    ApiKey,
    Process,
    Import,
    Anonymous,
}

impl Entry {
    /// `before` is the state of the event's stream before the event, if the sentence needs it.
    pub(super) fn of(recorded: RecordedEvent, before: &State) -> Result<Entry, TrailError> {
        let sentence = recorded.event.describe(before);
        let RecordedEvent {
            position,
            stream,
            sequence,
            event_id,
            event,
            metadata,
            occurred_at,
            recorded_at,
        } = recorded;
        let data = event
            .to_json()
            .and_then(RawValue::from_string)
            .map_err(|source| TrailError::Unshowable { position, source })?;
        Ok(Entry {
            position,
            stream: stream.to_string(),
            sequence,
            event_id,
            r#type: event.event_type().into(),
            sentence,
            at: occurred_at.into(),
            recorded_at: recorded_at.into(),
            actor: metadata.actor.to_string(),
            means: metadata.means(),
            api_key_id: metadata.api_key_id,
            cause: Cause::of(&metadata),
            correlation_id: metadata.correlation_id,
            causation_id: metadata.causation_id,
            request_id: metadata.request_id,
            data,
        })
    }
}

impl Cause {
    pub(super) fn of(metadata: &Metadata) -> Cause {
        match metadata.causation_id {
            Some(event) => Cause {
                kind: CauseKind::Event,
                id: event.to_string(),
            },
            None => Cause {
                kind: CauseKind::Request,
                id: request_of(metadata),
            },
        }
    }
}

/// The id of the request that caused the event, or the correlation's id if the request has none.
pub(super) fn request_of(metadata: &Metadata) -> String {
    match &metadata.request_id {
        Some(id) if !id.is_empty() => id.clone(),
        _ => metadata.correlation_id.to_string(),
    }
}
