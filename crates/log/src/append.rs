//! Writing: a batch of appends in one call.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::StreamId;
use sqlx::{PgConnection, query_scalar};
use uuid::Uuid;

use crate::Position;
use crate::idempotency::Record;

/// What one command writes, all or nothing, and the conditions that must still hold when it is written.
#[derive(Debug, Default)]
pub struct Append {
    /// Identifies this append, also when it is sent a second time.
    pub id: Uuid,
    /// In the order in which they will be in the log; each stream's sequences count up by one.
    pub events: Vec<NewEvent>,
    /// Streams that were read but are not written, with the version that was read (0: no event yet).
    pub reads: Vec<(StreamId, i64)>,
    pub released: Vec<Claim>,
    pub taken: Vec<Claim>,
    pub vacant: Vec<Vacancy>,
    pub record: Option<Record>,
    /// Wrapped keys of persons whose first personal data this append holds.
    pub person_keys: Vec<(Uuid, Vec<u8>)>,
    /// A person whom the last of the events erases: their key is destroyed in the same transaction.
    pub erased: Option<Uuid>,
}

#[derive(Debug)]
pub struct NewEvent {
    pub stream: StreamId,
    pub sequence: i64,
    pub event_id: Uuid,
    pub event_type: &'static str,
    pub event_version: &'static str,
    /// JSON, personal data sealed.
    pub payload: String,
    /// JSON; shared by a command's events.
    pub metadata: Arc<str>,
    pub occurred_at: DateTime<Utc>,
}

/// A value of some kind. At most one owner holds it at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    pub kind: &'static str,
    pub value: Vec<u8>,
    pub owner: String,
}

/// The owner must hold no claim of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vacancy {
    pub kind: &'static str,
    pub owner: String,
}

/// Appends a batch, all or nothing, and returns the position that the log had before it: the batch's events follow it
/// in their order. Outside a transaction this is one round trip and one commit.
pub async fn append_batch(
    connection: &mut PgConnection,
    batch: &[&Append],
) -> Result<Position, sqlx::Error> {
    let columns = Columns::of(batch);
    query_scalar(
        "select log.append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)",
    )
    .bind(columns.event.aggregate_types)
    .bind(columns.event.aggregate_ids)
    .bind(columns.event.sequences)
    .bind(columns.event.types)
    .bind(columns.event.versions)
    .bind(columns.event.payloads)
    .bind(columns.event.metadata)
    .bind(columns.event.ids)
    .bind(columns.event.occurred_at)
    .bind(columns.read.aggregate_types)
    .bind(columns.read.aggregate_ids)
    .bind(columns.read.versions)
    .bind(columns.released.kinds)
    .bind(columns.released.values)
    .bind(columns.released.owners)
    .bind(columns.taken.kinds)
    .bind(columns.taken.values)
    .bind(columns.taken.owners)
    .bind(columns.vacant.0)
    .bind(columns.vacant.1)
    .bind(columns.record.key_hashes)
    .bind(columns.record.fingerprints)
    .bind(columns.record.append_ids)
    .bind(columns.record.offsets)
    .bind(columns.record.statuses)
    .bind(columns.record.headers)
    .bind(columns.record.bodies)
    .bind(columns.record.persons)
    .bind(columns.person_ids)
    .bind(columns.person_wrapped_keys)
    .bind(columns.erased.0)
    .bind(columns.erased.1)
    .fetch_one(connection)
    .await
}

/// A batch as columns: one array for each parameter of the database's function.
#[derive(Default)]
struct Columns<'a> {
    event: EventColumns<'a>,
    read: ReadColumns,
    released: ClaimColumns<'a>,
    taken: ClaimColumns<'a>,
    vacant: (Vec<&'a str>, Vec<&'a str>),
    record: RecordColumns<'a>,
    person_ids: Vec<Uuid>,
    person_wrapped_keys: Vec<&'a [u8]>,
    erased: (Vec<Uuid>, Vec<i64>),
}

#[derive(Default)]
struct EventColumns<'a> {
    aggregate_types: Vec<&'static str>,
    aggregate_ids: Vec<String>,
    sequences: Vec<i64>,
    types: Vec<&'static str>,
    versions: Vec<&'static str>,
    payloads: Vec<&'a str>,
    metadata: Vec<&'a str>,
    ids: Vec<Uuid>,
    occurred_at: Vec<DateTime<Utc>>,
}

#[derive(Default)]
struct ReadColumns {
    aggregate_types: Vec<&'static str>,
    aggregate_ids: Vec<String>,
    versions: Vec<i64>,
}

#[derive(Default)]
struct ClaimColumns<'a> {
    kinds: Vec<&'static str>,
    values: Vec<&'a [u8]>,
    owners: Vec<&'a str>,
}

#[derive(Default)]
struct RecordColumns<'a> {
    key_hashes: Vec<&'a [u8]>,
    fingerprints: Vec<&'a [u8]>,
    append_ids: Vec<Uuid>,
    offsets: Vec<i64>,
    statuses: Vec<i16>,
    headers: Vec<&'a str>,
    bodies: Vec<&'a [u8]>,
    persons: Vec<Option<Uuid>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &[&'a Append]) -> Columns<'a> {
        let mut columns = Columns::default();
        for (stream, version) in external_reads(batch) {
            columns
                .read
                .aggregate_types
                .push(stream.aggregate_type.as_str());
            columns.read.aggregate_ids.push(stream.id.to_string());
            columns.read.versions.push(version);
        }
        for append in batch {
            columns.event.extend(&append.events);
            columns.released.extend(&append.released);
            columns.taken.extend(&append.taken);
            for vacancy in &append.vacant {
                columns.vacant.0.push(vacancy.kind);
                columns.vacant.1.push(&vacancy.owner);
            }
            if let Some(record) = &append.record {
                let events_so_far = columns.event.sequences.len() as i64;
                columns.record.push(record, append.id, events_so_far);
            }
            for (person, wrapped) in &append.person_keys {
                columns.person_ids.push(*person);
                columns.person_wrapped_keys.push(wrapped);
            }
            if let Some(person) = append.erased {
                columns.erased.0.push(person);
                columns.erased.1.push(columns.event.sequences.len() as i64);
            }
        }
        columns
    }
}

impl<'a> EventColumns<'a> {
    fn extend(&mut self, events: &'a [NewEvent]) {
        for event in events {
            self.aggregate_types
                .push(event.stream.aggregate_type.as_str());
            self.aggregate_ids.push(event.stream.id.to_string());
            self.sequences.push(event.sequence);
            self.types.push(event.event_type);
            self.versions.push(event.event_version);
            self.payloads.push(&event.payload);
            self.metadata.push(&event.metadata);
            self.ids.push(event.event_id);
            self.occurred_at.push(event.occurred_at);
        }
    }
}

impl<'a> ClaimColumns<'a> {
    fn extend(&mut self, claims: &'a [Claim]) {
        for claim in claims {
            self.kinds.push(claim.kind);
            self.values.push(&claim.value);
            self.owners.push(&claim.owner);
        }
    }
}

impl<'a> RecordColumns<'a> {
    fn push(&mut self, record: &'a Record, append_id: Uuid, offset: i64) {
        self.key_hashes.push(&record.key_hash);
        self.fingerprints.push(&record.fingerprint);
        self.append_ids.push(append_id);
        self.offsets.push(offset);
        self.statuses.push(record.status);
        self.headers.push(&record.headers);
        self.bodies.push(&record.body);
        self.persons.push(record.person);
    }
}

/// The reads that the database must check: those of streams that no earlier append of the batch has touched. The other
/// reads were decided on top of the batch itself; whoever forms the batch ensures their order.
fn external_reads(batch: &[&Append]) -> Vec<(StreamId, i64)> {
    first_touches(batch)
        .into_iter()
        .filter(|touch| !touch.written)
        .map(|touch| (touch.stream, touch.version))
        .collect()
}

/// A stream's first appearance in a batch.
pub(crate) struct Touch {
    pub(crate) stream: StreamId,
    /// The version that the append was decided on.
    pub(crate) version: i64,
    pub(crate) written: bool,
}

pub(crate) fn first_touches(batch: &[&Append]) -> Vec<Touch> {
    let mut seen = HashMap::new();
    let mut touches = Vec::new();
    let mut touch = |touch: Touch| {
        // A later write of a stream that was only read so far is still the database's to check, but
        // its unique key does that; a second read says nothing new.
        seen.entry(touch.stream)
            .or_insert_with(|| touches.push(touch));
    };
    for append in batch {
        for &(stream, version) in &append.reads {
            touch(Touch {
                stream,
                version,
                written: false,
            });
        }
        for event in &append.events {
            let version = event.sequence - 1;
            touch(Touch {
                stream: event.stream,
                version,
                written: true,
            });
        }
    }
    touches
}
