//! One try at a command: decide on the slots' states and draft the append, under the slots' locks.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::user::UserEvent;
use daybook_domain::{Event, StreamId, UserId};
use daybook_log::append::{Append, NewEvent};
use daybook_log::idempotency::Record;
use daybook_log::{Codec, LogError, PersonKey};
use parking_lot::MutexGuard;
use uuid::Uuid;

use crate::answer::Answer;
use crate::command::{Aggregates, Command, Decision};
use crate::idempotency::KeyTags;
use crate::refusal::Refusal;
use crate::slot::{Slot, States};

/// An append as it was decided, and the answer that goes out once it is durable.
pub(crate) struct Draft {
    pub(crate) append: Append,
    /// Every slot that was decided on, with the generation it had.
    pub(crate) uses: Vec<(Arc<Slot>, u64)>,
    /// Each event with the index of its slot in `uses`, in the append's order.
    pub(crate) events: Vec<(usize, Event)>,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) answer: Answer,
}

/// Who decides: anyone, on what is in memory, or the writer, under the log's lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    InMemory,
    UnderLock,
}

#[derive(Debug)]
pub(crate) enum AttemptError {
    NotCurrent,
    Frozen,
    Encode(LogError),
}

pub(crate) trait Attempt: Send + Sync {
    /// Decides on `slots` (each once, in the order of their streams) and hands the draft to `enqueue`
    /// while they are locked: so appends are queued in the order in which they were decided.
    fn run(
        &self,
        slots: &[Arc<Slot>],
        mode: Mode,
        enqueue: &mut dyn FnMut(Draft),
    ) -> Result<(), AttemptError>;
}

/// Turns an outcome or a refusal into what the client is told.
pub(crate) type Respond<O> = dyn Fn(Result<&O, &Refusal>) -> Answer + Send + Sync;

/// What the attempts at one command have in common.
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

pub(crate) struct CommandAttempt<C: Command> {
    pub(crate) command: C,
    pub(crate) circumstances: Arc<Circumstances>,
    pub(crate) respond: Arc<Respond<C::Outcome>>,
}

/// Answers with a refusal that only the append brought to light: a claim that is taken.
pub(crate) struct RefusalAttempt<O> {
    pub(crate) refusal: Refusal,
    pub(crate) circumstances: Arc<Circumstances>,
    pub(crate) respond: Arc<Respond<O>>,
}

impl<C: Command> Attempt for CommandAttempt<C> {
    fn run(
        &self,
        slots: &[Arc<Slot>],
        mode: Mode,
        enqueue: &mut dyn FnMut(Draft),
    ) -> Result<(), AttemptError> {
        let mut locked: Vec<MutexGuard<'_, States>> =
            slots.iter().map(|slot| slot.lock()).collect();
        if mode == Mode::InMemory && locked.iter().any(|states| states.frozen) {
            return Err(AttemptError::Frozen);
        }
        if locked.iter().any(|states| !states.current) {
            return Err(AttemptError::NotCurrent);
        }
        let states = slots
            .iter()
            .zip(&locked)
            .map(|(slot, states)| (slot.stream, &states.speculative))
            .collect();
        let aggregates = Aggregates {
            now: self.circumstances.now,
            states,
        };
        let (answer, decision) = match self.command.decide(&aggregates) {
            Ok(decision) => ((self.respond)(Ok(&decision.outcome)), Some(decision)),
            Err(refusal) => ((self.respond)(Err(&refusal)), None),
        };
        let versions: Vec<i64> = locked
            .iter()
            .map(|states| states.speculative.version)
            .collect();
        let draft = self
            .circumstances
            .draft(slots, &versions, decision, answer)
            .map_err(AttemptError::Encode)?;
        for (slot, event) in &draft.events {
            locked[*slot].speculative.apply(event, draft.occurred_at);
        }
        enqueue(draft);
        Ok(())
    }
}

impl<O> Attempt for RefusalAttempt<O> {
    fn run(
        &self,
        _: &[Arc<Slot>],
        _: Mode,
        enqueue: &mut dyn FnMut(Draft),
    ) -> Result<(), AttemptError> {
        let answer = (self.respond)(Err(&self.refusal));
        enqueue(
            self.circumstances
                .draft::<O>(&[], &[], None, answer)
                .map_err(AttemptError::Encode)?,
        );
        Ok(())
    }
}

impl Circumstances {
    /// An append for a decision; for none, one that only confirms what was decided on.
    fn draft<O>(
        &self,
        slots: &[Arc<Slot>],
        versions: &[i64],
        decision: Option<Decision<O>>,
        answer: Answer,
    ) -> Result<Draft, LogError> {
        let mut append = Append {
            id: Uuid::now_v7(),
            ..Append::default()
        };
        append.record = self.record(&answer)?;
        let mut events = Vec::new();
        let mut next = versions.to_vec();
        if let Some(decision) = decision {
            for (stream, event) in decision.events {
                let slot = index_of(slots, stream);
                next[slot] += 1;
                append.events.push(self.encode(stream, next[slot], &event)?);
                if let Event::User(UserEvent::Erased {}) = event {
                    append.erased = Some(stream.id);
                }
                events.push((slot, event));
            }
            let secrets = self.codec.secrets();
            append.released = decision
                .released
                .into_iter()
                .map(|claim| claim.stored(secrets))
                .collect();
            append.taken = decision
                .taken
                .into_iter()
                .map(|claim| claim.stored(secrets))
                .collect();
            append.vacant = decision.vacant;
            append.person_keys = self.new_person_key();
        }
        for (n, slot) in slots.iter().enumerate() {
            if next[n] == versions[n] {
                append.reads.push((slot.stream, versions[n]));
            }
        }
        let uses = slots
            .iter()
            .map(|slot| (Arc::clone(slot), slot.generation()))
            .collect();
        Ok(Draft {
            append,
            uses,
            events,
            occurred_at: self.now,
            answer,
        })
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

    fn new_person_key(&self) -> Vec<(Uuid, Vec<u8>)> {
        let new = self
            .person
            .as_ref()
            .and_then(|person| Some((person.person.as_uuid(), person.wrapped.clone()?)));
        new.into_iter().collect()
    }

    fn record(&self, answer: &Answer) -> Result<Option<Record>, LogError> {
        let Some(key) = &self.key else {
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
            (Some(_), None) => return Err(daybook_log::SealError::NoKey.into()),
            (None, _) => record,
        }))
    }
}

#[allow(clippy::expect_used)]
fn index_of(slots: &[Arc<Slot>], stream: StreamId) -> usize {
    slots
        .binary_search_by_key(&stream, |slot| slot.stream)
        .expect("a command names every stream that it writes")
}
