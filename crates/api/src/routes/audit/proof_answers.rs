//! Checkpoints, keys and proofs in answers.

use std::str::FromStr;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use daybook_audit::{SignedCheckpoint, StoredCheckpoint, VerifierKey};
use headers_accept::Accept;
use mediatype::MediaType;
use mediatype::names::{APPLICATION, JSON, PLAIN, TEXT};
use serde::Serialize;
use utoipa::ToSchema;

use daybook_contract::Timestamp;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Checkpoint)]
pub(super) struct CheckpointAnswer {
    /// The log's name.
    origin: String,
    /// How many events it covers: the position of the last.
    size: u64,
    /// Base64.
    root_hash: String,
    sealed_at: Timestamp,
    /// All of it in the form that was signed, as C2SP's tlog-checkpoint has it.
    note: String,
}

impl CheckpointAnswer {
    pub(super) fn of(stored: &StoredCheckpoint, read: &SignedCheckpoint) -> CheckpointAnswer {
        CheckpointAnswer {
            origin: read.origin().to_owned(),
            size: read.size(),
            root_hash: BASE64_STANDARD.encode(read.root()),
            sealed_at: stored.sealed_at.into(),
            note: stored.note.clone(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckpointKey)]
pub(super) struct PublicKey {
    /// The log's name.
    name: String,
    /// 8 hex digits.
    key_id: String,
    /// Name, id and Ed25519 key in the form that C2SP's signed-note has for them.
    key: String,
}

impl PublicKey {
    pub(super) fn of(key: &VerifierKey) -> PublicKey {
        PublicKey {
            name: key.name().to_owned(),
            key_id: key.id_text(),
            key: key.to_string(),
        }
    }
}

#[derive(ToSchema)]
#[schema(as = InclusionProof, rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes what the crate of proofs writes")]
pub(super) struct InclusionProofSchema {
    /// `daybook-inclusion-proof/1`
    format: String,
    position: i64,
    /// Events that the checkpoint covers.
    tree_size: u64,
    #[schema(inline)]
    event: StoredEventSchema,
    /// Base64.
    leaf_hash: String,
    /// From the leaf's sibling up, in base64.
    hashes: Vec<String>,
    /// The signed note.
    checkpoint: String,
}

/// The event as it is stored: personal data is sealed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes what the crate of proofs writes")]
struct StoredEventSchema {
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    /// JSON as a text, to the byte as it is stored.
    payload: String,
    /// JSON as a text, to the byte as it is stored.
    metadata: String,
    event_id: uuid::Uuid,
    /// Microseconds since 1970-01-01 UTC.
    occurred_at_us: i64,
    /// Microseconds since 1970-01-01 UTC.
    recorded_at_us: i64,
}

#[derive(ToSchema)]
#[schema(as = ConsistencyProof, rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes what the crate of proofs writes")]
pub(super) struct ConsistencyProofSchema {
    /// `daybook-consistency-proof/1`
    format: String,
    from: u64,
    to: u64,
    /// Base64.
    from_root: String,
    /// Base64.
    to_root: String,
    /// Base64.
    hashes: Vec<String>,
    /// The signed note of a checkpoint of that size, where there is one.
    #[schema(required = false)]
    from_checkpoint: String,
    /// The signed note of a checkpoint of that size, where there is one.
    #[schema(required = false)]
    to_checkpoint: String,
}

/// Whether the client prefers the note itself to the JSON around it.
pub(super) fn prefers_note(headers: &HeaderMap) -> bool {
    const AVAILABLE: [MediaType; 2] = [
        MediaType::new(APPLICATION, JSON),
        MediaType::new(TEXT, PLAIN),
    ];
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let accept = Accept::from_str(&values.join(","));
    accept.is_ok_and(|accept| {
        accept
            .negotiate(&AVAILABLE)
            .is_some_and(|best| best.subty == PLAIN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_is_for_those_who_ask_for_it() {
        for (accept, note) in [
            ("text/plain", true),
            ("text/*", true),
            ("application/json, text/plain;q=0.5", false),
            ("*/*", false),
            ("no media type", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_note(&headers), note, "{accept}");
        }
        assert!(!prefers_note(&HeaderMap::new()));
    }
}
