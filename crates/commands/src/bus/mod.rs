//! The way in: from a command to its durable answer, or to its outcome.

mod carry_out;
mod prepare;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_database::Standing;
use daybook_domain::{Email, ProductId, State, StreamId, UserId, Versioned};
use daybook_log::{Codec, Metadata, claim, stream};
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use uuid::Builder;

use crate::answer::{Answer, Answered, CommandError, Context, Sent};
use crate::claims::ClaimKind;
use crate::command::Command;
use crate::idempotency::{KeyTags, Keys};
use crate::loader::Loader;
use crate::refusal::Refusal;
use crate::respond::{AsAnswer, AsOutcome};
use crate::slot::Slots;
use crate::tasks::BusTasks;
use crate::writer::Job;
use carry_out::Written;

/// Streams kept in memory. Loading another one costs only a query.
const CACHED_STREAMS: u64 = 50_000;

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
    standing: Standing,
}

impl CommandBus {
    /// Starts the tasks. Reads go through `pool`; the writer has a connection of its own with the same options.
    pub fn start(pool: PgPool, codec: Codec) -> (CommandBus, BusTasks) {
        CommandBus::start_with(pool, codec, Standing::default())
    }

    /// The same, for a `pool` whose sessions are let in by `standing`.
    pub fn start_with(pool: PgPool, codec: Codec, standing: Standing) -> (CommandBus, BusTasks) {
        let (tasks, handles) = BusTasks::start(&pool, &codec, &standing);
        let bus = Bus {
            pool,
            codec,
            slots: Slots::new(CACHED_STREAMS, standing.clone()),
            loader: handles.loader,
            keys: Keys::new(),
            jobs: handles.jobs,
            thaws: handles.thaws,
            standing,
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
        let Context { metadata, now, key } = context;
        let respond = AsAnswer(respond);
        let Some(key) = key.map(|key| KeyTags::of(&key, bus.codec.secrets())) else {
            let attempt = bus.attempt(command, &metadata, now, None, respond).await?;
            return bus.answer(&attempt).await;
        };
        let _in_flight = bus.keys.enter(&key)?;
        let epoch = bus.standing.epoch();
        if let Some(answered) = bus.keys.answered(epoch, &key) {
            return answered;
        }
        let attempt = bus
            .attempt(command, &metadata, now, Some(key.clone()), respond)
            .await?;
        let answered = bus.answer(&attempt).await?;
        bus.keys.remember(epoch, key, answered.clone());
        Ok(answered)
    }

    /// Carries a command out as [`execute`](Self::execute) does, for a sender that needs its outcome rather than
    /// an answer in bytes. Its events are dated `at`. There is no idempotency key: nothing is recorded, and sending
    /// a command again carries it out again, unless the ids in it tell that it was carried out before.
    pub async fn send<C: Command>(
        &self,
        command: C,
        metadata: Metadata,
        at: DateTime<Utc>,
    ) -> Result<Sent<C::Outcome>, CommandError> {
        let bus = &self.0;
        let attempt = bus.attempt(command, &metadata, at, None, AsOutcome).await?;
        match bus.carry_out(&attempt).await? {
            Some(Written { response, position }) => Ok(Sent {
                outcome: response,
                position,
            }),
            None => Err(CommandError::Internal(
                "a key was taken that was not given".into(),
            )),
        }
    }

    /// A stream's state, as the log has it at the time of the call.
    pub async fn load(&self, stream: StreamId) -> Result<Versioned<State>, CommandError> {
        let bus = &self.0;
        let mut connection = bus
            .pool
            .acquire()
            .await
            .map_err(daybook_log::LogError::from)?;
        // After that, so that both are of one epoch.
        let known = bus.slots.find(stream).and_then(|slot| slot.confirmed());
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
