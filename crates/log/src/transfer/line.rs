//! What is on a line.

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Position;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    Header(Header),
    Setting(Setting),
    Event(Event),
    Claim(Claim),
    IdempotencyRecord(IdempotencyRecord),
    PersonKey(PersonKey),
    End(End),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Header {
    /// Says what the file is.
    pub(super) format: Format,
    pub(super) version: u32,
    /// The position of the last event.
    pub(super) head: Position,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Format {
    #[serde(rename = "daybook-log")]
    Log,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Setting {
    pub(super) name: String,
    #[serde(with = "base64")]
    pub(super) value: Vec<u8>,
}

from_row!(Setting { name, value });

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) position: Position,
    pub(super) aggregate_type: String,
    pub(super) aggregate_id: String,
    pub(super) sequence: i64,
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) event_id: Uuid,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    /// JSON in a string, so that not even a space of it changes.
    pub(super) payload: String,
    pub(super) metadata: String,
}

from_row!(Event {
    position,
    aggregate_type,
    aggregate_id,
    sequence,
    event_type,
    event_version,
    event_id,
    occurred_at,
    recorded_at,
    payload,
    metadata
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Claim {
    pub(super) kind: String,
    #[serde(with = "base64")]
    pub(super) value: Vec<u8>,
    pub(super) owner: String,
}

from_row!(Claim { kind, value, owner });

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct IdempotencyRecord {
    #[serde(with = "base64")]
    pub(super) key_hash: Vec<u8>,
    #[serde(with = "base64")]
    pub(super) fingerprint: Vec<u8>,
    pub(super) append_id: Uuid,
    pub(super) position: Position,
    pub(super) status: i16,
    pub(super) headers: String,
    #[serde(with = "base64")]
    pub(super) body: Vec<u8>,
    pub(super) person_id: Option<Uuid>,
    pub(super) recorded_at: DateTime<Utc>,
}

from_row!(IdempotencyRecord {
    key_hash,
    fingerprint,
    append_id,
    position,
    status,
    headers,
    body,
    person_id,
    recorded_at
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PersonKey {
    pub(super) person_id: Uuid,
    #[serde(with = "base64")]
    pub(super) wrapped_key: Vec<u8>,
    pub(super) created_at: DateTime<Utc>,
}

from_row!(PersonKey {
    person_id,
    wrapped_key,
    created_at
});

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct End {
    pub(super) lines: u64,
    pub(super) sha256: String,
}

mod base64 {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(
            bytes,
            &BASE64_STANDARD,
        ))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD
            .decode(String::deserialize(deserializer)?)
            .map_err(de::Error::custom)
    }
}
