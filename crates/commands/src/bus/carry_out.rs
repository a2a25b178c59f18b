//! How a command is carried out: tried in memory, at last under the log's lock, and written or refused.

use std::sync::Arc;

use daybook_log::{LogError, Position, SealError, idempotency};
use metrics::counter;
use tokio::sync::{mpsc, oneshot};

use super::Bus;
use crate::answer::{Answer, Answered, CommandError};
use crate::attempt::{Attempt, AttemptError};
use crate::claims::ClaimKind;
use crate::command::Command;
use crate::draft::Draft;
use crate::idempotency::{KeyTags, replay};
use crate::refusal::Refusal;
use crate::respond::Respond;
use crate::slot::Slot;
use crate::writer::{Job, LockedJob, NotWritten, Pending, Settled};

/// After losing this many tries a command is decided under the log's lock.
const TRIES_IN_MEMORY: u32 = 2;

/// What a command's sender is given for the decision that is in the log, and its position.
pub(super) struct Written<R> {
    pub(super) response: R,
    pub(super) position: Position,
}

type Tried<R> = Result<Written<R>, NotWritten>;

/// A place in the writer's queue. It is reserved first: once decided, an append must not be turned away.
struct Place<'b> {
    permit: mpsc::Permit<'b, Job>,
    reply: oneshot::Sender<Settled>,
}

impl Place<'_> {
    fn put(self, epoch: u64, draft: Draft) {
        let reply = self.reply;
        self.permit.send(Job::Append(Pending {
            epoch,
            draft,
            reply,
        }));
    }
}

impl Bus {
    /// The answer of the decision that was written; of an earlier one, where that was written under the same key.
    pub(super) async fn answer<C, R>(
        &self,
        attempt: &Arc<Attempt<C, R>>,
    ) -> Result<Answered, CommandError>
    where
        C: Command,
        R: Respond<C::Outcome, Response = Answer>,
    {
        loop {
            if let Some(Written { response, position }) = self.carry_out(attempt).await? {
                return Ok(Answered {
                    answer: response,
                    position,
                    replayed: false,
                });
            }
            let key = attempt.circumstances.key.as_ref();
            if let Some(answered) = self.recorded(key).await? {
                return Ok(answered);
            }
            // The record was deleted in between: the key is free.
        }
    }

    /// `None` if the log has an answer under the command's key already.
    pub(super) async fn carry_out<C: Command, R: Respond<C::Outcome>>(
        &self,
        attempt: &Arc<Attempt<C, R>>,
    ) -> Result<Option<Written<R::Response>>, CommandError> {
        let mut lost = 0;
        loop {
            // Before anything is read: what is decided must be written in the same epoch.
            let epoch = self.standing.epoch();
            let slots = self
                .slots_of(&attempt.command, attempt.circumstances.now)
                .await?;
            let tried = if lost < TRIES_IN_MEMORY {
                self.attempt_in_memory(attempt, &slots, epoch).await?
            } else {
                self.attempt_under_lock(Arc::clone(attempt), slots).await?
            };
            let refusal = match tried {
                Ok(written) => return Ok(Some(written)),
                Err(NotWritten::Outrun) => {
                    counter!("daybook_commands_decided_again_total").increment(1);
                    lost += 1;
                    continue;
                }
                Err(NotWritten::KeyTaken) => return Ok(None),
                Err(NotWritten::ClaimTaken(kind)) => taken(kind)?,
                Err(NotWritten::Occupied) => Refusal::CategoryInUse,
                Err(NotWritten::NoKey) => Refusal::PersonErased,
                Err(NotWritten::Refused(reason)) => return Err(CommandError::Internal(reason)),
                Err(NotWritten::Abandoned) => return Err(CommandError::Unavailable(None)),
            };
            return match self.refuse(attempt, refusal, epoch).await? {
                Ok(written) => Ok(Some(written)),
                // What it rests on was found at another instance of the database.
                Err(NotWritten::Outrun) => continue,
                Err(NotWritten::KeyTaken) => Ok(None),
                Err(NotWritten::Refused(reason)) => Err(CommandError::Internal(reason)),
                Err(NotWritten::Abandoned) => Err(CommandError::Unavailable(None)),
                Err(why) => Err(CommandError::Internal(format!(
                    "a refusal conflicted with something: {why:?}"
                ))),
            };
        }
    }

    /// A refusal that only the append brought to light also goes through the writer: to be recorded, and because the
    /// key must be checked before any claim or rule is answered.
    async fn refuse<C: Command, R: Respond<C::Outcome>>(
        &self,
        attempt: &Attempt<C, R>,
        refusal: Refusal,
        epoch: u64,
    ) -> Result<Tried<R::Response>, CommandError> {
        let (place, settled) = self.place()?;
        let (draft, response) = attempt.refuse(refusal)?;
        place.put(epoch, draft);
        written(response, settled).await
    }

    async fn attempt_in_memory<C: Command, R: Respond<C::Outcome>>(
        &self,
        attempt: &Attempt<C, R>,
        slots: &[Arc<Slot>],
        epoch: u64,
    ) -> Result<Tried<R::Response>, CommandError> {
        let mut thaws = None;
        loop {
            let (place, settled) = self.place()?;
            match attempt.in_memory(slots, |draft| place.put(epoch, draft)) {
                Ok(response) => return written(response, settled).await,
                Err(AttemptError::NotCurrent) => self.loader.load(slots.to_vec()).await?,
                // Subscribe first, look again, and only then wait.
                Err(AttemptError::Frozen) => match &mut thaws {
                    None => thaws = Some(self.thaws.clone()),
                    Some(thaws) => drop(thaws.changed().await),
                },
                Err(AttemptError::Encode(LogError::Seal(SealError::NoKey))) => {
                    return Ok(Err(NotWritten::NoKey));
                }
                Err(AttemptError::Encode(error)) => return Err(error.into()),
            }
        }
    }

    async fn attempt_under_lock<C: Command, R: Respond<C::Outcome>>(
        &self,
        attempt: Arc<Attempt<C, R>>,
        slots: Vec<Arc<Slot>>,
    ) -> Result<Tried<R::Response>, CommandError> {
        let (place, settled) = self.place()?;
        let (hand_over, response) = oneshot::channel();
        let decide = move |slots: &[Arc<Slot>]| -> Result<Draft, AttemptError> {
            let (draft, response) = attempt.under_lock(slots)?;
            // The requester may have given up waiting.
            let _ = hand_over.send(response);
            Ok(draft)
        };
        place.permit.send(Job::Locked(LockedJob {
            decide: Box::new(decide),
            slots,
            reply: place.reply,
        }));
        match settled.await.map_err(|_| CommandError::ShuttingDown)? {
            Ok(position) => {
                let response = response.await.map_err(|_| {
                    CommandError::Internal("a command was written undecided".into())
                })?;
                Ok(Ok(Written { response, position }))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    fn place(&self) -> Result<(Place<'_>, oneshot::Receiver<Settled>), CommandError> {
        let permit = self.jobs.try_reserve().map_err(full_or_closed)?;
        let (reply, settled) = oneshot::channel();
        Ok((Place { permit, reply }, settled))
    }

    async fn recorded(&self, key: Option<&KeyTags>) -> Result<Option<Answered>, CommandError> {
        let Some(key) = key else { return Ok(None) };
        let record = idempotency::find(&self.pool, &self.codec, &key.hash).await?;
        record.map(|record| replay(record, key)).transpose()
    }
}

/// Waits until what was decided is in the log.
async fn written<R>(
    response: R,
    settled: oneshot::Receiver<Settled>,
) -> Result<Tried<R>, CommandError> {
    let settled = settled.await.map_err(|_| CommandError::ShuttingDown)?;
    Ok(settled.map(|position| Written { response, position }))
}

fn taken(kind: &'static str) -> Result<Refusal, CommandError> {
    ClaimKind::named(kind)
        .map(Refusal::ClaimTaken)
        .ok_or_else(|| CommandError::Internal(format!("unknown kind of claim: {kind}")))
}

fn full_or_closed(error: mpsc::error::TrySendError<()>) -> CommandError {
    match error {
        mpsc::error::TrySendError::Full(()) => CommandError::Overloaded,
        mpsc::error::TrySendError::Closed(()) => CommandError::ShuttingDown,
    }
}
