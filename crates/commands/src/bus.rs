//! The way in: from a command to its durable answer.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::{Email, ProductId, State, StreamId, UserId, Versioned};
use daybook_log::{Codec, LogError, SealError, claim, idempotency, stream};
use metrics::counter;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Builder;

use crate::answer::{Answer, Answered, CommandError, Context};
use crate::attempt::{
    Attempt, AttemptError, Circumstances, CommandAttempt, Mode, RefusalAttempt, Respond, SealingKey,
};
use crate::claims::ClaimKind;
use crate::command::{Aggregates, Command, Person, StreamUse};
use crate::idempotency::{KeyTags, Keys, replay};
use crate::loader::Loader;
use crate::refusal::Refusal;
use crate::slot::{Slot, Slots};
use crate::tasks::BusTasks;
use crate::writer::{Job, LockedJob, Pending, Settled};

/// Streams kept in memory. Loading another one costs only a query.
const CACHED_STREAMS: u64 = 50_000;
/// After losing this many tries a command is decided under the log's lock.
const TRIES_IN_MEMORY: u32 = 2;

/// Executes commands. Cheap to clone.
#[derive(Clone)]
pub struct CommandBus(Arc<Bus>);

struct Bus {
    pool: PgPool,
    codec: Codec,
    slots: Slots,
    loader: Loader,
    keys: Keys,
    jobs: mpsc::Sender<Job>,
    thaws: watch::Receiver<u64>,
}

impl CommandBus {
    /// Starts the tasks. Reads go through `pool`; the writer has a connection of its own with the same options.
    pub fn start(pool: PgPool, codec: Codec) -> (CommandBus, BusTasks) {
        let (tasks, handles) = BusTasks::start(&pool, &codec);
        let bus = Bus {
            pool,
            codec,
            slots: Slots::new(CACHED_STREAMS),
            loader: handles.loader,
            keys: Keys::new(),
            jobs: handles.jobs,
            thaws: handles.thaws,
        };
        (CommandBus(Arc::new(bus)), tasks)
    }

    /// Carries a command out, or returns why not; either way only once everything on which the answer depends is
    /// durable. `respond` may be called more than once: a command is decided again if another one was faster.
    pub async fn execute<C: Command>(
        &self,
        command: C,
        context: Context,
        respond: impl Fn(Result<&C::Outcome, &Refusal>) -> Answer + Send + Sync + 'static,
    ) -> Result<Answered, CommandError> {
        let bus = &self.0;
        let respond: Arc<Respond<C::Outcome>> = Arc::new(respond);
        let key = context
            .key
            .as_ref()
            .map(|key| KeyTags::of(key, bus.codec.secrets()));
        let Some(key) = key else {
            return bus.carry_out(command, &context, None, respond).await;
        };
        let _in_flight = bus.keys.enter(&key)?;
        if let Some(answered) = bus.keys.answered(&key) {
            return answered;
        }
        let answered = bus
            .carry_out(command, &context, Some(key.clone()), respond)
            .await?;
        bus.keys.remember(key, answered.clone());
        Ok(answered)
    }

    /// A stream's state, as the log has it at the time of the call.
    pub async fn load(&self, stream: StreamId) -> Result<Versioned<State>, CommandError> {
        let bus = &self.0;
        let known = bus.slots.find(stream).and_then(|slot| slot.confirmed());
        let mut connection = bus
            .pool
            .acquire()
            .await
            .map_err(daybook_log::LogError::from)?;
        let mut loaded = stream::load(&mut connection, &bus.codec, vec![(stream, known)]).await?;
        Ok(loaded
            .remove(&stream)
            .unwrap_or_else(|| Versioned::empty(stream.aggregate_type)))
    }

    /// The user to whom the e-mail address belongs.
    pub async fn email_owner(&self, email: &Email) -> Result<Option<UserId>, CommandError> {
        let kind = ClaimKind::Email;
        let value = kind.stored(&email.canonical(), self.0.codec.secrets());
        let owner = claim::owner(&self.0.pool, kind.as_str(), &value).await?;
        Ok(owner.and_then(|owner| owner.parse().ok()))
    }

    /// A stand-in for a personal value where it must be recognised but not known: always the same for the same value of
    /// a kind, and useless without the key.
    pub fn pseudonym(&self, kind: &str, value: &str) -> Vec<u8> {
        self.0.codec.secrets().claim_value(kind, value)
    }

    /// The products with these SKUs; SKUs without a product are left out.
    pub async fn sku_owners<'s>(
        &self,
        skus: impl IntoIterator<Item = &'s str>,
    ) -> Result<HashMap<String, ProductId>, CommandError> {
        let kind = ClaimKind::Sku;
        let values: Vec<Vec<u8>> = skus
            .into_iter()
            .map(|sku| kind.stored(sku, self.0.codec.secrets()))
            .collect();
        let owners = claim::owners(&self.0.pool, kind.as_str(), &values).await?;
        Ok(owners
            .into_iter()
            .filter_map(|(sku, owner)| Some((String::from_utf8(sku).ok()?, owner.parse().ok()?)))
            .collect())
    }

    /// Forgets what this process remembers of a person who was erased: the key of their data, the states of their
    /// streams, and the answers that are about them. Every process of a database must call it.
    pub fn forget(&self, person: UserId) {
        // The key first: whatever is loaded from now on is loaded without it.
        self.0.codec.forget(person);
        self.0.slots.forget(person);
        self.0.keys.forget(person);
    }

    /// The id of a customer of another system. It is always the same, and without the master key it does not reveal
    /// their identifier there.
    pub fn imported_customer(&self, source: &str, external_id: &str) -> UserId {
        let value = format!("{source}\n{external_id}");
        let tag = self
            .0
            .codec
            .secrets()
            .claim_value("imported-customer", &value);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag[..16]);
        Builder::from_custom_bytes(bytes).into_uuid().into()
    }
}

impl Bus {
    async fn carry_out<C: Command>(
        &self,
        command: C,
        context: &Context,
        key: Option<KeyTags>,
        respond: Arc<Respond<C::Outcome>>,
    ) -> Result<Answered, CommandError> {
        let person = match command.person() {
            Some(person) => self.sealing_key(person).await?,
            None => None,
        };
        let circumstances = self.circumstances(context, key, person)?;
        let attempt = Arc::new(CommandAttempt {
            command,
            circumstances: Arc::clone(&circumstances),
            respond: Arc::clone(&respond),
        });
        let mut lost = 0;
        loop {
            let slots = self.slots_of(&attempt.command, circumstances.now).await?;
            let settled = if lost < TRIES_IN_MEMORY {
                self.attempt_in_memory(attempt.as_ref(), &slots).await?
            } else {
                self.attempt_under_lock(Arc::clone(&attempt) as Arc<dyn Attempt>, slots)
                    .await?
            };
            let refusal = match settled {
                Settled::Written { answer, position } => {
                    return Ok(Answered {
                        answer,
                        position,
                        replayed: false,
                    });
                }
                Settled::Outrun => {
                    counter!("daybook_commands_decided_again_total").increment(1);
                    lost += 1;
                    continue;
                }
                Settled::KeyTaken => match self.recorded(circumstances.key.as_ref()).await? {
                    Some(answered) => return Ok(answered),
                    // The record was deleted in between: the key is free.
                    None => continue,
                },
                Settled::ClaimTaken(kind) => match ClaimKind::named(kind) {
                    Some(kind) => Refusal::ClaimTaken(kind),
                    None => {
                        return Err(CommandError::Internal(format!(
                            "unknown kind of claim: {kind}"
                        )));
                    }
                },
                Settled::Occupied => Refusal::CategoryInUse,
                Settled::NoKey => Refusal::PersonErased,
                Settled::Failed(reason) => return Err(CommandError::Internal(reason)),
                Settled::Abandoned => return Err(CommandError::Unavailable(None)),
            };
            return self.refuse(refusal, circumstances, respond).await;
        }
    }

    /// A refusal that only the append brought to light also goes through the writer: to be recorded, and because the
    /// key must be checked before any claim or rule is answered.
    async fn refuse<O: Send + Sync + 'static>(
        &self,
        refusal: Refusal,
        circumstances: Arc<Circumstances>,
        respond: Arc<Respond<O>>,
    ) -> Result<Answered, CommandError> {
        let attempt = RefusalAttempt {
            refusal,
            circumstances: Arc::clone(&circumstances),
            respond,
        };
        match self.attempt_in_memory(&attempt, &[]).await? {
            Settled::Written { answer, position } => Ok(Answered {
                answer,
                position,
                replayed: false,
            }),
            Settled::KeyTaken => match self.recorded(circumstances.key.as_ref()).await? {
                Some(answered) => Ok(answered),
                None => Err(CommandError::Internal(
                    "an idempotency record came and went".into(),
                )),
            },
            Settled::Failed(reason) => Err(CommandError::Internal(reason)),
            Settled::Abandoned => Err(CommandError::Unavailable(None)),
            Settled::Outrun | Settled::ClaimTaken(_) | Settled::Occupied | Settled::NoKey => Err(
                CommandError::Internal("a refusal conflicted with something".into()),
            ),
        }
    }

    async fn attempt_in_memory(
        &self,
        attempt: &dyn Attempt,
        slots: &[Arc<Slot>],
    ) -> Result<Settled, CommandError> {
        let mut thaws = None;
        loop {
            // Reserve a place in the queue first: once decided, an append must not be turned away.
            let place = self.jobs.try_reserve().map_err(full_or_closed)?;
            let (reply, settled) = oneshot::channel();
            let mut queued = Some((place, reply));
            let tried = attempt.run(slots, Mode::InMemory, &mut |draft| {
                if let Some((place, reply)) = queued.take() {
                    place.send(Job::Append(Pending { draft, reply }));
                }
            });
            drop(queued);
            match tried {
                Ok(()) => return settled.await.map_err(|_| CommandError::ShuttingDown),
                Err(AttemptError::NotCurrent) => self.loader.load(slots.to_vec()).await?,
                // Subscribe first, look again, and only then wait.
                Err(AttemptError::Frozen) => match &mut thaws {
                    None => thaws = Some(self.thaws.clone()),
                    Some(thaws) => drop(thaws.changed().await),
                },
                Err(AttemptError::Encode(LogError::Seal(SealError::NoKey))) => {
                    return Ok(Settled::NoKey);
                }
                Err(AttemptError::Encode(error)) => return Err(error.into()),
            }
        }
    }

    async fn attempt_under_lock(
        &self,
        attempt: Arc<dyn Attempt>,
        slots: Vec<Arc<Slot>>,
    ) -> Result<Settled, CommandError> {
        let (reply, settled) = oneshot::channel();
        let place = self.jobs.try_reserve().map_err(full_or_closed)?;
        place.send(Job::Locked(LockedJob {
            attempt,
            slots,
            reply,
        }));
        settled.await.map_err(|_| CommandError::ShuttingDown)
    }

    /// The slots that a command needs, loaded, each once and in the order of their streams.
    async fn slots_of<C: Command>(
        &self,
        command: &C,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<Arc<Slot>>, CommandError> {
        let first = self.loaded(command.streams()).await?;
        let further = {
            let locked: Vec<_> = first.iter().map(|slot| slot.lock()).collect();
            let states = first
                .iter()
                .zip(&locked)
                .map(|(slot, states)| (slot.stream, &states.speculative))
                .collect();
            command.further_streams(&Aggregates { now, states })
        };
        if further.is_empty() {
            return Ok(first);
        }
        let mut slots = self.loaded(further).await?;
        slots.extend(first);
        slots.sort_by_key(|slot| slot.stream);
        slots.dedup_by_key(|slot| slot.stream);
        Ok(slots)
    }

    async fn loaded(&self, mut uses: Vec<StreamUse>) -> Result<Vec<Arc<Slot>>, CommandError> {
        uses.sort_by_key(|stream_use| stream_use.stream());
        uses.dedup_by_key(|stream_use| stream_use.stream());
        let slots: Vec<Arc<Slot>> = uses
            .into_iter()
            .map(|stream_use| self.slots.slot(stream_use))
            .collect();
        let missing: Vec<Arc<Slot>> = slots
            .iter()
            .filter(|slot| !slot.is_current())
            .cloned()
            .collect();
        if !missing.is_empty() {
            self.loader.load(missing).await?;
        }
        Ok(slots)
    }

    async fn sealing_key(&self, person: Person) -> Result<Option<SealingKey>, CommandError> {
        Ok(match person {
            Person::New(person) => {
                let (key, wrapped) = self.codec.create_key(person)?;
                Some(SealingKey {
                    person,
                    key,
                    wrapped: Some(wrapped),
                })
            }
            Person::Known(person) => self.codec.key_of(person).await?.map(|key| SealingKey {
                person,
                key,
                wrapped: None,
            }),
        })
    }

    fn circumstances(
        &self,
        context: &Context,
        key: Option<KeyTags>,
        person: Option<SealingKey>,
    ) -> Result<Arc<Circumstances>, CommandError> {
        let metadata = serde_json::to_string(&context.metadata)
            .map_err(|error| CommandError::Internal(format!("metadata: {error}")))?;
        let (codec, now) = (self.codec.clone(), context.now);
        Ok(Arc::new(Circumstances {
            codec,
            now,
            metadata: metadata.into(),
            key,
            person,
        }))
    }

    async fn recorded(&self, key: Option<&KeyTags>) -> Result<Option<Answered>, CommandError> {
        let Some(key) = key else { return Ok(None) };
        let record = idempotency::find(&self.pool, &self.codec, &key.hash).await?;
        record.map(|record| replay(record, key)).transpose()
    }
}

fn full_or_closed(error: mpsc::error::TrySendError<()>) -> CommandError {
    match error {
        mpsc::error::TrySendError::Full(()) => CommandError::Overloaded,
        mpsc::error::TrySendError::Closed(()) => CommandError::ShuttingDown,
    }
}
