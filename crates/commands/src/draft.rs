//! An append as it was decided, before it is written.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::user::UserEvent;
use daybook_domain::{Event, StreamId, UserId};
use daybook_log::append::{Append, Claim, NewEvent};
use daybook_log::idempotency::Record;
use daybook_log::{Codec, LogError, PersonKey, SealError};
use uuid::Uuid;

use crate::answer::Answer;
use crate::claims::NewClaim;
use crate::command::Decision;
use crate::idempotency::KeyTags;
use crate::slot::Slot;

pub(crate) struct Draft {
    pub(crate) append: Append,
    /// Every slot that was decided on, with the generation it had.
    pub(crate) uses: Vec<(Arc<Slot>, u64)>,
    /// Each event with the index of its slot in `uses`, in the append's order.
    pub(crate) events: Vec<(usize, Event)>,
    pub(crate) occurred_at: DateTime<Utc>,
}

/// What all drafts of one command have in common.
pub(crate) struct Circumstances {
    pub(crate) codec: Codec,
    pub(crate) now: DateTime<Utc>,
    /// [`daybook_log::Metadata`] as JSON.
    pub(crate) metadata: Arc<str>,
    pub(crate) key: Option<KeyTags>,
    pub(crate) person: Option<SealingKey>,
}

pub(crate) struct SealingKey {
    pub(crate) person: UserId,
    pub(crate) key: Arc<PersonKey>,
    /// The key's stored form, when it is new.
    pub(crate) wrapped: Option<Vec<u8>>,
}

impl Circumstances {
    /// An append for what was decided on `slots` at their `versions`; for a refusal, one that only confirms these.
    pub(crate) fn draft(
        &self,
        slots: &[Arc<Slot>],
        versions: &[i64],
        changes: Option<Decision<()>>,
        answer: Option<&Answer>,
    ) -> Result<Draft, LogError> {
        let mut append = Append {
            id: Uuid::now_v7(),
            record: self.record(answer)?,
            ..Append::default()
        };
        let mut events = Vec::new();
        let mut next = versions.to_vec();
        if let Some(changes) = changes {
            append.erased = erased(&changes.events);
            events = with_slots(changes.events, slots);
            append.events = self.numbered(&events, slots, &mut next)?;
            append.released = self.stored(changes.released);
            append.taken = self.stored(changes.taken);
            append.vacant = changes.vacant;
            append.person_keys = self.new_person_key();
        }
        append.reads = only_read(slots, versions, &next);
        Ok(Draft {
            append,
            uses: with_generations(slots),
            events,
            occurred_at: self.now,
        })
    }

    /// The events as they are stored, each numbered after the one before in its stream: `versions` count up.
    fn numbered(
        &self,
        events: &[(usize, Event)],
        slots: &[Arc<Slot>],
        versions: &mut [i64],
    ) -> Result<Vec<NewEvent>, LogError> {
        let stored = events.iter().map(|(slot, event)| {
            versions[*slot] += 1;
            self.encode(slots[*slot].stream, versions[*slot], event)
        });
        stored.collect()
    }

    fn encode(&self, stream: StreamId, sequence: i64, event: &Event) -> Result<NewEvent, LogError> {
        let event_id = Uuid::now_v7();
        let key = self.person.as_ref().map(|person| person.key.as_ref());
        Ok(NewEvent {
            stream,
            sequence,
            event_id,
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: self.codec.encode(event, stream, event_id, key)?,
            metadata: Arc::clone(&self.metadata),
            occurred_at: self.now,
        })
    }

    fn stored(&self, claims: Vec<NewClaim>) -> Vec<Claim> {
        let secrets = self.codec.secrets();
        claims
            .into_iter()
            .map(|claim| claim.stored(secrets))
            .collect()
    }

    fn new_person_key(&self) -> Vec<(Uuid, Vec<u8>)> {
        let new = self
            .person
            .as_ref()
            .and_then(|person| Some((person.person.as_uuid(), person.wrapped.clone()?)));
        new.into_iter().collect()
    }

    /// The answer under the command's key, if it has one.
    fn record(&self, answer: Option<&Answer>) -> Result<Option<Record>, LogError> {
        let (Some(key), Some(answer)) = (&self.key, answer) else {
            return Ok(None);
        };
        let headers =
            serde_json::to_string(&answer.headers).map_err(|source| LogError::Encode {
                what: "an answer's headers",
                source,
            })?;
        let record = Record {
            key_hash: key.hash.clone(),
            fingerprint: key.fingerprint.clone(),
            status: i16::try_from(answer.status).unwrap_or(i16::MAX),
            headers,
            body: answer.body.clone(),
            person: None,
        };
        Ok(Some(match (answer.person, &self.person) {
            (Some(_), Some(person)) => record.sealed(person.person, &person.key)?,
            (Some(_), None) => return Err(SealError::NoKey.into()),
            (None, _) => record,
        }))
    }
}

fn erased(events: &[(StreamId, Event)]) -> Option<Uuid> {
    events
        .iter()
        .find(|(_, event)| matches!(event, Event::User(UserEvent::Erased {})))
        .map(|(stream, _)| stream.id)
}

fn with_slots(events: Vec<(StreamId, Event)>, slots: &[Arc<Slot>]) -> Vec<(usize, Event)> {
    events
        .into_iter()
        .map(|(stream, event)| (index_of(slots, stream), event))
        .collect()
}

#[allow(clippy::expect_used)]
fn index_of(slots: &[Arc<Slot>], stream: StreamId) -> usize {
    slots
        .binary_search_by_key(&stream, |slot| slot.stream)
        .expect("a command names every stream that it writes")
}

/// The streams that are not written, with the versions that they must still have.
fn only_read(slots: &[Arc<Slot>], versions: &[i64], next: &[i64]) -> Vec<(StreamId, i64)> {
    slots
        .iter()
        .zip(versions.iter().zip(next))
        .filter(|(_, (version, next))| version == next)
        .map(|(slot, (version, _))| (slot.stream, *version))
        .collect()
}

fn with_generations(slots: &[Arc<Slot>]) -> Vec<(Arc<Slot>, u64)> {
    slots
        .iter()
        .map(|slot| (Arc::clone(slot), slot.generation()))
        .collect()
}
