//! Deciding under the log's lock: for commands that lost twice to another process.
//!
//! Nobody can append while the lock is held, so whatever is decided on the streams' tails cannot lose again. This is
//! the only place where the lock is held across round trips, and it is rare.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use daybook_domain::StreamId;
use daybook_log::append::{Append, append_batch};
use daybook_log::{APPEND_LOCK, Codec, LogError, Position, RecordedEvent, stream};
use error_reporter::Report;
use metrics::counter;
use sqlx::{Connection as _, PgConnection, query};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connection::{CALL_TIMEOUT, is_verdict};
use super::{LockedJob, NotWritten, Pending, Settled, Writer};
use crate::attempt::AttemptError;
use crate::slot::Slot;

impl Writer {
    pub(super) async fn write_locked(&mut self, jobs: Vec<LockedJob>) {
        counter!("daybook_commands_decided_under_lock_total").increment(jobs.len() as u64);
        // Opened before anything is decided, so that it is known in which epoch.
        if self.connection.get().await.is_err() {
            jobs.into_iter()
                .for_each(|job| answer(job.reply, NotWritten::Abandoned));
            return;
        }
        let epoch = self.connection.present_epoch();
        let is_of_now = |job: &LockedJob| job.slots.iter().all(|slot| slot.epoch == epoch);
        let (mut jobs, outlived): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_of_now);
        outlived
            .into_iter()
            .for_each(|job| answer(job.reply, NotWritten::Outrun));
        let slots: BTreeMap<StreamId, Arc<Slot>> = jobs
            .iter()
            .flat_map(|job| &job.slots)
            .map(|slot| (slot.stream, Arc::clone(slot)))
            .collect();
        let codec = self.codec.clone();
        let mut drafted = Vec::new();
        let outcome = match self.connection.opened() {
            Some(connection) => {
                let decide = || {
                    let decided = jobs.drain(..).filter_map(|job| decide_one(job, epoch));
                    decided.collect()
                };
                let decided = under_lock(connection, &codec, &slots, decide, &mut drafted);
                timeout(CALL_TIMEOUT, decided)
                    .await
                    .unwrap_or(Outcome::Away)
            }
            None => Outcome::Away,
        };
        match outcome {
            Outcome::Written { head } => self.settle_written(drafted, head),
            // A claim or a key conflicts, or the outcome is unknown: the ordinary path resolves it.
            Outcome::Refused => self.write(drafted, epoch).await,
            Outcome::Away => {
                self.connection
                    .broken("while deciding under the log's lock");
                self.write(drafted, epoch).await;
            }
        }
        slots.values().for_each(|slot| slot.thaw());
        self.thaws.send_modify(|count| *count += 1);
        // Jobs that were not reached are tried again.
        jobs.into_iter()
            .for_each(|job| answer(job.reply, NotWritten::Outrun));
    }
}

/// Decides on frozen slots; a command that cannot be drafted is answered at once.
fn decide_one(job: LockedJob, epoch: u64) -> Option<Pending> {
    let LockedJob {
        decide,
        slots,
        reply,
    } = job;
    let why = match decide(&slots) {
        Ok(draft) => {
            return Some(Pending {
                epoch,
                draft,
                reply,
            });
        }
        Err(AttemptError::Encode(error)) => NotWritten::Refused(Report::new(&error).to_string()),
        // A second slot of the same stream was in use: the next try finds the right one.
        Err(AttemptError::NotCurrent | AttemptError::Frozen) => NotWritten::Outrun,
    };
    answer(reply, why);
    None
}

enum Outcome {
    Written {
        head: Position,
    },
    Refused,
    /// Nobody knows whether it was written.
    Away,
}

/// What was drafted is left in `drafted`, also where this is given up in the middle.
async fn under_lock(
    connection: &mut PgConnection,
    codec: &Codec,
    slots: &BTreeMap<StreamId, Arc<Slot>>,
    decide: impl FnOnce() -> Vec<Pending>,
    drafted: &mut Vec<Pending>,
) -> Outcome {
    let Ok(mut transaction) = connection.begin().await else {
        return Outcome::Away;
    };
    if query("select pg_advisory_xact_lock($1)")
        .bind(APPEND_LOCK)
        .execute(&mut *transaction)
        .await
        .is_err()
    {
        return Outcome::Away;
    }
    if let Err(error) = freeze(&mut transaction, codec, slots).await {
        tracing::warn!(
            error = %Report::new(&error),
            "tails could not be loaded under the log's lock"
        );
        return Outcome::Away;
    }
    *drafted = decide();
    let appends: Vec<&Append> = drafted
        .iter()
        .map(|pending| &pending.draft.append)
        .collect();
    match append_batch(&mut transaction, &appends).await {
        Ok(head) => match transaction.commit().await {
            Ok(()) => Outcome::Written { head },
            Err(_) => Outcome::Away,
        },
        Err(error) if is_verdict(&error) => match transaction.rollback().await {
            Ok(()) => Outcome::Refused,
            Err(_) => Outcome::Away,
        },
        Err(_) => Outcome::Away,
    }
}

/// Brings the slots up to date and keeps everyone else from deciding on them.
async fn freeze(
    connection: &mut PgConnection,
    codec: &Codec,
    slots: &BTreeMap<StreamId, Arc<Slot>>,
) -> Result<(), LogError> {
    let versions: Vec<(StreamId, i64)> = slots
        .values()
        .map(|slot| (slot.stream, slot.confirmed_version()))
        .collect();
    let mut tails: HashMap<StreamId, Vec<RecordedEvent>> = HashMap::new();
    for event in stream::tails(connection, codec, &versions).await? {
        tails.entry(event.stream).or_default().push(event);
    }
    for slot in slots.values() {
        let tail = tails.remove(&slot.stream).unwrap_or_default();
        slot.freeze(&tail);
    }
    Ok(())
}

fn answer(reply: oneshot::Sender<Settled>, why: NotWritten) {
    // The requester may have given up waiting.
    let _ = reply.send(Err(why));
}
