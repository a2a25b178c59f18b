//! An event that this binary does not know, as the audit trail shows it.

use daybook_log::{Means, Metadata, UnknownEvent};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::entry::{Cause, CauseKind};
use super::{Entry, TrailError};

impl Entry {
    /// With everything that can be told of it, and its data as it is stored.
    pub(super) fn of_unknown(unknown: UnknownEvent) -> Result<Entry, TrailError> {
        let sentence = format!(
            "this version of Daybook does not know {} in version {}",
            unknown.event_type, unknown.event_version
        );
        let position = unknown.position;
        let data = RawValue::from_string(unknown.payload)
            .map_err(|source| TrailError::Unshowable { position, source })?;
        let who = Who::of(&unknown.metadata);
        Ok(Entry {
            position,
            stream: unknown.stream,
            sequence: unknown.sequence,
            event_id: unknown.event_id,
            r#type: unknown.event_type.into(),
            sentence,
            at: unknown.occurred_at.into(),
            recorded_at: unknown.recorded_at.into(),
            actor: who.actor,
            means: who.means,
            api_key_id: who.api_key_id,
            cause: who.cause,
            correlation_id: who.correlation_id,
            causation_id: who.causation_id,
            request_id: who.request_id,
            data,
        })
    }
}

/// What metadata say.
struct Who {
    actor: String,
    means: Means,
    api_key_id: Option<Uuid>,
    cause: Cause,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    request_id: Option<String>,
}

impl Who {
    fn of(json: &str) -> Who {
        match serde_json::from_str::<Metadata>(json) {
            Ok(metadata) => Who {
                actor: metadata.actor.to_string(),
                means: metadata.means(),
                api_key_id: metadata.api_key_id,
                cause: Cause::of(&metadata),
                correlation_id: metadata.correlation_id,
                causation_id: metadata.causation_id,
                request_id: metadata.request_id,
            },
            Err(_) => {
                Who::as_far_as_known(&serde_json::from_str::<Value>(json).unwrap_or_default())
            }
        }
    }

    /// Of metadata that this binary does not know either.
    fn as_far_as_known(metadata: &Value) -> Who {
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        let id = |name: &str| text(name).and_then(|text| Uuid::parse_str(text).ok());
        let means = metadata.get("means").cloned().unwrap_or_default();
        let correlation_id = id("correlationId").unwrap_or_default();
        let causation_id = id("causationId");
        let request_id = text("requestId").map(str::to_owned);
        let request = || {
            let id = request_id.clone();
            id.unwrap_or_else(|| correlation_id.to_string())
        };
        let cause = Cause {
            kind: causation_id.map_or(CauseKind::Request, |_| CauseKind::Event),
            id: causation_id.map_or_else(request, |event| event.to_string()),
        };
        Who {
            actor: text("actor").unwrap_or("unknown").to_owned(),
            means: serde_json::from_value(means).unwrap_or(Means::Anonymous),
            api_key_id: id("apiKeyId"),
            cause,
            correlation_id,
            causation_id,
            request_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn shown(metadata: &Value) -> Value {
        let unknown = UnknownEvent {
            position: 7,
            stream: "order/1".to_owned(),
            stream_id: None,
            sequence: 2,
            event_id: Uuid::from_u128(2),
            event_type: "order.teleported".to_owned(),
            event_version: "3".to_owned(),
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            metadata: metadata.to_string(),
            payload: r#"{"to":  "Mars"}"#.to_owned(),
        };
        serde_json::to_value(Entry::of_unknown(unknown).unwrap()).unwrap()
    }

    #[test]
    fn an_unknown_event_is_told_as_it_is_stored() {
        let id = Uuid::from_u128(9);
        let entry = shown(&json!({"actor": "system:seed", "correlationId": id}));
        assert_eq!(entry["type"], "order.teleported");
        assert_eq!(
            entry["sentence"],
            "this version of Daybook does not know order.teleported in version 3"
        );
        assert_eq!(entry["data"], json!({"to": "Mars"}));
        assert_eq!(
            (&entry["actor"], &entry["means"]),
            (&json!("system:seed"), &json!("process"))
        );
        assert_eq!(entry["correlationId"], json!(id));
    }

    #[test]
    fn what_unknown_metadata_say_is_told_as_far_as_it_is_known() {
        let cause = Uuid::from_u128(8);
        let entry = shown(&json!({"actor": "robot:7", "means": "magic", "causationId": cause}));
        assert_eq!(entry["actor"], "robot:7");
        assert_eq!(entry["cause"], json!({"kind": "event", "id": cause}));
        assert_eq!(shown(&json!(null))["actor"], "unknown");
    }
}
