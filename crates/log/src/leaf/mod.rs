//! An event as a leaf of the audit tree.
//!
//! A leaf's hash is `SHA-256(0x00 ‖ data)`, as RFC 6962 has it, and `data` is the stored row without its
//! position, since that is what an inclusion proof proves. Encoding, version 1: the bytes
//! `daybook.event.v1\n`, then each field as its length in 4 bytes and its own bytes, numbers big-endian:
//!
//! | field | bytes |
//! | --- | --- |
//! | aggregate_type, aggregate_id | UTF-8 |
//! | sequence | 8 |
//! | event_type, event_version | UTF-8 |
//! | payload, metadata | UTF-8, the text exactly as stored: personal data stays sealed |
//! | event_id | 16 |
//! | occurred_at, recorded_at | 8 each: signed microseconds since 1970-01-01 UTC |
//!
//! Every length is written, so that no two rows have the same encoding. It depends on the row alone, not
//! on a session's time zone, date style or encoding; and it never changes, or proofs would break.

mod copy;
mod reader;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use copy::{LeafChunk, LeafRow};
pub use reader::LeafReader;

/// The beginning of a leaf's data. It says which encoding follows.
const VERSION: &[u8] = b"daybook.event.v1\n";

/// What RFC 6962 puts before a leaf's data, so that no leaf passes for a node.
const LEAF_PREFIX: u8 = 0;

/// Written as a field's length if the row has null there, which the table forbids.
const NULL: u32 = u32::MAX;

/// All stored columns of an event but its position, in the order of the encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leaf {
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    /// JSON, exactly as stored.
    pub payload: String,
    /// JSON, exactly as stored.
    pub metadata: String,
    pub event_id: Uuid,
    /// Microseconds since 1970-01-01 UTC.
    pub occurred_at_us: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub recorded_at_us: i64,
}

impl Leaf {
    /// What is hashed, after RFC 6962's zero byte.
    pub fn data(&self) -> Vec<u8> {
        self.preimage().split_off(1)
    }

    /// The leaf's hash in the audit tree.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.preimage())
    }

    fn preimage(&self) -> Vec<u8> {
        let mut preimage = Vec::new();
        begin(&mut preimage);
        for field in [
            self.aggregate_type.as_bytes(),
            self.aggregate_id.as_bytes(),
            &self.sequence.to_be_bytes(),
            self.event_type.as_bytes(),
            self.event_version.as_bytes(),
            self.payload.as_bytes(),
            self.metadata.as_bytes(),
            self.event_id.as_bytes(),
            &self.occurred_at_us.to_be_bytes(),
            &self.recorded_at_us.to_be_bytes(),
        ] {
            push(&mut preimage, Some(field));
        }
        preimage
    }
}

fn begin(preimage: &mut Vec<u8>) {
    preimage.clear();
    preimage.push(LEAF_PREFIX);
    preimage.extend_from_slice(VERSION);
}

/// PostgreSQL's fields are shorter than 1 GiB, so a length fits.
fn push(preimage: &mut Vec<u8>, field: Option<&[u8]>) {
    let length = field.map_or(NULL, |bytes| bytes.len() as u32);
    preimage.extend_from_slice(&length.to_be_bytes());
    preimage.extend_from_slice(field.unwrap_or_default());
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
