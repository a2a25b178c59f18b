//! What goes into the next round trip.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use daybook_domain::StreamId;

use super::{Job, LockedJob, Pending};
use crate::slot::Slot;

/// Payload bytes in one round trip; a single append may be larger.
const MOST_BYTES: usize = 8 << 20;

/// Sorts jobs into the next batch and what must wait.
///
/// Within a batch, no claim or key may occur twice: the database sees the batch as one statement and
/// could not tell which of two appends took a name first. The second one is set aside for the next batch,
/// together with all later ones that touch the same streams, so that their order is kept.
#[derive(Default)]
pub(super) struct Gathering {
    batch: Vec<Pending>,
    aside: Vec<Pending>,
    outrun: Vec<Pending>,
    locked: Vec<LockedJob>,
}

impl Gathering {
    pub(super) fn is_empty(&self) -> bool {
        self.aside.is_empty() && self.locked.is_empty()
    }

    /// Appends that were decided in another epoch than this are void.
    pub(super) fn add(&mut self, jobs: impl Iterator<Item = Job>, epoch: u64) {
        let mut bytes = 0;
        let mut values: HashSet<(&'static str, Vec<u8>)> = HashSet::new();
        let mut streams_aside: HashSet<StreamId> = HashSet::new();
        let mut streams_outrun: HashSet<StreamId> = HashSet::new();
        for job in mem::take(&mut self.aside)
            .into_iter()
            .map(Job::Append)
            .chain(jobs)
        {
            let pending = match job {
                Job::Locked(job) => {
                    self.locked.push(job);
                    continue;
                }
                Job::Append(pending) => pending,
            };
            if is_outrun(&pending, epoch) || uses_any(&pending, &streams_outrun) {
                streams_outrun.extend(written(&pending));
                self.outrun.push(pending);
                continue;
            }
            let claimed = exclusive_values(&pending);
            if bytes >= MOST_BYTES
                || uses_any(&pending, &streams_aside)
                || claimed.iter().any(|value| values.contains(value))
            {
                streams_aside.extend(pending.draft.uses.iter().map(|(slot, _)| slot.stream));
                self.aside.push(pending);
                continue;
            }
            values.extend(claimed);
            bytes += pending
                .draft
                .append
                .events
                .iter()
                .map(|event| event.payload.len())
                .sum::<usize>();
            self.batch.push(pending);
        }
    }

    pub(super) fn take_batch(&mut self) -> Vec<Pending> {
        mem::take(&mut self.batch)
    }

    /// Appends that became void before they could be written.
    pub(super) fn take_outrun(&mut self) -> Vec<Pending> {
        mem::take(&mut self.outrun)
    }

    pub(super) fn take_locked(&mut self) -> Vec<LockedJob> {
        mem::take(&mut self.locked)
    }
}

fn is_outrun(pending: &Pending, epoch: u64) -> bool {
    let is_void = |(slot, generation): &(Arc<Slot>, u64)| slot.generation() != *generation;
    pending.epoch != epoch || pending.draft.uses.iter().any(is_void)
}

pub(super) fn uses_any(pending: &Pending, streams: &HashSet<StreamId>) -> bool {
    !streams.is_empty()
        && pending
            .draft
            .uses
            .iter()
            .any(|(slot, _)| streams.contains(&slot.stream))
}

pub(super) fn written(pending: &Pending) -> impl Iterator<Item = StreamId> {
    pending.draft.append.events.iter().map(|event| event.stream)
}

fn exclusive_values(pending: &Pending) -> Vec<(&'static str, Vec<u8>)> {
    let append = &pending.draft.append;
    let claims = append
        .taken
        .iter()
        .chain(&append.released)
        .map(|claim| (claim.kind, claim.value.clone()));
    let keys = append
        .record
        .iter()
        .map(|record| ("idempotency-key", record.key_hash.clone()));
    let persons = append
        .person_keys
        .iter()
        .map(|(person, _)| ("person-key", person.as_bytes().to_vec()));
    claims.chain(keys).chain(persons).collect()
}
