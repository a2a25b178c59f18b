//! Converts between a domain event and its row: JSON, upcasting, sealing.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use daybook_domain::{AggregateType, Event, StreamId, UserId, upcast};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::event::{EventRow, UnknownEvent};
use crate::person_keys::PersonKeys;
use crate::seal::{self, PersonKey, SealError};
use crate::{FeedBatch, LogError, Metadata, Poison, ReadEvent, RecordedEvent, Secrets};

#[derive(Clone)]
pub struct Codec {
    keys: PersonKeys,
    secrets: Arc<Secrets>,
    upcasters: Arc<Vec<Box<dyn EventUpcaster>>>,
}

type Keys = HashMap<Uuid, Arc<PersonKey>>;

impl Codec {
    pub fn new(pool: PgPool, secrets: Arc<Secrets>) -> Codec {
        let keys = PersonKeys::new(pool, Arc::clone(&secrets));
        Codec {
            keys,
            secrets,
            upcasters: Arc::new(upcast::upcasters()),
        }
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// A fresh key for a person without one, and its wrapped form for `append::Append::person_keys`.
    pub fn create_key(&self, person: UserId) -> Result<(Arc<PersonKey>, Vec<u8>), LogError> {
        self.keys.create(person.as_uuid())
    }

    /// A person's key; `None` if the person was erased or never existed.
    pub async fn key_of(&self, person: UserId) -> Result<Option<Arc<PersonKey>>, LogError> {
        Ok(self
            .keys
            .load(&[person.as_uuid()])
            .await?
            .remove(&person.as_uuid()))
    }

    /// Forgets the key of a person who was erased, at once and for ever.
    pub fn forget(&self, person: UserId) {
        self.keys.forget(person.as_uuid());
    }

    /// The payload to store, its personal data sealed with `key`.
    pub fn encode(
        &self,
        event: &Event,
        stream: StreamId,
        event_id: Uuid,
        key: Option<&PersonKey>,
    ) -> Result<String, LogError> {
        let payload = event.to_json().map_err(|source| LogError::Encode {
            what: "an event",
            source,
        })?;
        match event.person(stream) {
            Some(person) => self.seal(payload, person.as_uuid(), event_id.as_bytes(), key),
            None if seal::has_personal(&payload) => Err(SealError::NoKey.into()),
            None => Ok(payload),
        }
    }

    /// Seals the personal fields of a JSON text.
    pub(crate) fn seal(
        &self,
        json: String,
        person: Uuid,
        place: &[u8],
        key: Option<&PersonKey>,
    ) -> Result<String, LogError> {
        let key = key.ok_or(SealError::NoKey)?;
        let mut value: Value = serde_json::from_str(&json).map_err(|source| LogError::Encode {
            what: "personal data",
            source,
        })?;
        seal::seal(&mut value, person, key, place)?;
        Ok(value.to_string())
    }

    /// Decodes rows in their order, up to the first that cannot be decoded.
    pub(crate) async fn decode(&self, rows: Vec<EventRow>) -> Result<FeedBatch, LogError> {
        let keys = self
            .keys_for(rows.iter().map(|row| row.payload.as_str()))
            .await?;
        let mut batch = FeedBatch {
            events: Vec::with_capacity(rows.len()),
            poison: None,
        };
        // One command's events share their metadata.
        let mut metadata = None;
        for row in &rows {
            match self.decode_row(row, &keys, &mut metadata) {
                Ok(event) => batch.events.push(event),
                Err(error) => {
                    batch.poison = Some(Poison {
                        position: row.position,
                        stream: format!("{}/{}", row.aggregate_type, row.aggregate_id),
                        event_type: row.event_type.clone(),
                        error,
                    });
                    break;
                }
            }
        }
        Ok(batch)
    }

    /// Decodes rows in their order, each that can be.
    pub(crate) async fn decode_each(&self, rows: &[EventRow]) -> Result<Vec<ReadEvent>, LogError> {
        let keys = self
            .keys_for(rows.iter().map(|row| row.payload.as_str()))
            .await?;
        let mut metadata = None;
        let decoded = rows
            .iter()
            .map(|row| match self.decode_row(row, &keys, &mut metadata) {
                Ok(event) => ReadEvent::Known(event),
                Err(_) => ReadEvent::Unknown(UnknownEvent::of(row)),
            });
        Ok(decoded.collect())
    }

    /// Opens the sealed fields of JSON texts that are bound to `place`.
    pub(crate) async fn open(&self, json: String, place: &[u8]) -> Result<String, LogError> {
        let keys = self.keys_for(std::iter::once(json.as_str())).await?;
        Ok(open(&json, &keys, place)?.into_owned())
    }

    async fn keys_for<'a>(
        &self,
        payloads: impl Iterator<Item = &'a str>,
    ) -> Result<Keys, LogError> {
        let mut persons = BTreeSet::new();
        for payload in payloads.filter(|payload| seal::may_be_sealed(payload)) {
            // A text that is not JSON fails again when it is decoded, and is reported there.
            if let Ok(mut value) = serde_json::from_str::<Value>(payload) {
                persons.extend(seal::persons(&mut value).unwrap_or_default());
            }
        }
        self.keys.load(&Vec::from_iter(persons)).await
    }

    /// Reuses what was parsed for the row before if the metadata is the same text.
    fn decode_row<'r>(
        &self,
        row: &'r EventRow,
        keys: &Keys,
        metadata: &mut Option<(&'r str, Metadata)>,
    ) -> Result<RecordedEvent, String> {
        let aggregate_type: AggregateType = row
            .aggregate_type
            .parse()
            .map_err(|error| format!("{error}"))?;
        let id =
            Uuid::parse_str(&row.aggregate_id).map_err(|error| format!("aggregate id: {error}"))?;
        let metadata = match metadata {
            Some((text, metadata)) if *text == row.metadata => metadata.clone(),
            _ => {
                let parsed: Metadata = serde_json::from_str(&row.metadata)
                    .map_err(|error| format!("metadata: {error}"))?;
                *metadata = Some((&row.metadata, parsed.clone()));
                parsed
            }
        };
        let payload = open(&row.payload, keys, row.event_id.as_bytes())
            .map_err(|error| format!("{error}"))?;
        let payload = if self.upcasters.is_empty() {
            payload
        } else {
            let value =
                serde_json::from_str(&payload).map_err(|error| format!("payload: {error}"))?;
            let stored = SerializedEvent::new(
                row.aggregate_id.clone(),
                usize::try_from(row.sequence).unwrap_or_default(),
                row.aggregate_type.clone(),
                row.event_type.clone(),
                row.event_version.clone(),
                value,
                Value::Null,
            );
            Cow::Owned(upcast::upcast(&self.upcasters, stored).payload.to_string())
        };
        let event = Event::from_json(aggregate_type, &payload)
            .map_err(|error| format!("payload: {error}"))?;
        Ok(RecordedEvent {
            position: row.position,
            stream: StreamId { aggregate_type, id },
            sequence: row.sequence,
            event_id: row.event_id,
            event,
            metadata,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
        })
    }
}

fn open<'j>(json: &'j str, keys: &Keys, place: &[u8]) -> Result<Cow<'j, str>, SealError> {
    if !seal::may_be_sealed(json) {
        return Ok(Cow::Borrowed(json));
    }
    let mut value: Value = serde_json::from_str(json).map_err(|_| SealError::Malformed)?;
    seal::open(
        &mut value,
        &|person| keys.get(&person).map(Arc::as_ref),
        place,
    )?;
    Ok(Cow::Owned(value.to_string()))
}
