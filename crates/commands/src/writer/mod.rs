//! The writer: the one task of a process that appends.
//!
//! It takes whatever is queued (hundreds of appends under load, one when idle, never waiting for more)
//! and writes it in one round trip. Settling comes after writing, and voiding after confirming: by the
//! time a caller hears that its append failed, the slots are fit to be decided on again.

mod batch;
mod connection;
mod locked;
mod settle;
mod write;

use std::sync::Arc;

use daybook_log::{Codec, Position};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::attempt::AttemptError;
use crate::draft::Draft;
use crate::slot::Slot;
use batch::Gathering;
pub(crate) use connection::Connection;
use settle::Failures;

/// Appends that may wait. Beyond that the server says so instead of making everyone wait longer.
pub(crate) const QUEUE: usize = 8192;
/// Appends in one round trip.
const MOST_AT_ONCE: usize = 1000;

/// How an append ended: the position up to which it is in the log, or why it is not in it.
pub(crate) type Settled = Result<Position, NotWritten>;

#[derive(Debug)]
pub(crate) enum NotWritten {
    /// A stream had grown elsewhere, or something that the append rested on failed.
    Outrun,
    ClaimTaken(&'static str),
    /// An owner still holds what it must not.
    Occupied,
    KeyTaken,
    /// Personal data of someone whose key is gone, so that it cannot be sealed.
    NoKey,
    /// The database will not have it.
    Refused(String),
    /// The server is going down and the database is away: the outcome may be unknown.
    Abandoned,
}

pub(crate) struct Pending {
    /// In which it was decided, or came to light that it is refused.
    pub(crate) epoch: u64,
    pub(crate) draft: Draft,
    pub(crate) reply: oneshot::Sender<Settled>,
}

pub(crate) type DecideUnderLock =
    Box<dyn FnOnce(&[Arc<Slot>]) -> Result<Draft, AttemptError> + Send>;

/// A command that lost twice and is now decided under the log's lock.
pub(crate) struct LockedJob {
    pub(crate) decide: DecideUnderLock,
    pub(crate) slots: Vec<Arc<Slot>>,
    pub(crate) reply: oneshot::Sender<Settled>,
}

#[allow(clippy::large_enum_variant)] // nearly all jobs are the large one
pub(crate) enum Job {
    Append(Pending),
    Locked(LockedJob),
}

pub(crate) struct Writer {
    jobs: mpsc::Receiver<Job>,
    connection: Connection,
    codec: Codec,
    snapshots: mpsc::Sender<Arc<Slot>>,
    /// Counts up whenever slots are thawed.
    thaws: watch::Sender<u64>,
}

impl Writer {
    pub(crate) fn new(
        jobs: mpsc::Receiver<Job>,
        connection: Connection,
        codec: Codec,
        snapshots: mpsc::Sender<Arc<Slot>>,
        thaws: watch::Sender<u64>,
    ) -> Writer {
        Writer {
            jobs,
            connection,
            codec,
            snapshots,
            thaws,
        }
    }

    /// Runs until `closing`, then writes what was accepted and ends.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let mut taken = Vec::with_capacity(MOST_AT_ONCE);
        let mut gathering = Gathering::default();
        loop {
            if gathering.is_empty() {
                let received = tokio::select! {
                    received = self.jobs.recv_many(&mut taken, MOST_AT_ONCE) => received,
                    () = closing.cancelled(), if !self.jobs.is_closed() => {
                        self.jobs.close();
                        continue;
                    }
                    () = self.connection.outlived(), if !self.connection.is_abandoned() => {
                        // Where that fails, the next append fails in the same way.
                        let _ = closing.run_until_cancelled(self.connection.get()).await;
                        continue;
                    }
                };
                if received == 0 {
                    return;
                }
            } else {
                // What was set aside goes first; more is welcome, but not waited for.
                while taken.len() < MOST_AT_ONCE
                    && let Ok(job) = self.jobs.try_recv()
                {
                    taken.push(job);
                }
            }
            let epoch = self.connection.present_epoch();
            gathering.add(taken.drain(..), epoch);
            let batch = gathering.take_batch();
            if !batch.is_empty() {
                self.write(batch, epoch).await;
            }
            let mut failures = Failures::default();
            failures.add_outrun(gathering.take_outrun());
            failures.settle();
            let locked = gathering.take_locked();
            if !locked.is_empty() {
                self.write_locked(locked).await;
            }
        }
    }
}
