//! One try at a command: decide on the slots' states and draft the append, under the slots' locks.

use std::sync::Arc;

use daybook_log::LogError;
use parking_lot::MutexGuard;

use crate::command::{Aggregates, Command};
use crate::draft::{Circumstances, Draft};
use crate::refusal::Refusal;
use crate::respond::Respond;
use crate::slot::{Slot, States};

/// A command with all that its attempts have in common.
pub(crate) struct Attempt<C, R> {
    pub(crate) command: C,
    pub(crate) respond: R,
    pub(crate) circumstances: Circumstances,
}

#[derive(Debug)]
pub(crate) enum AttemptError {
    NotCurrent,
    Frozen,
    Encode(LogError),
}

impl<C: Command, R: Respond<C::Outcome>> Attempt<C, R> {
    /// Decides on `slots` (each once, in the order of their streams) and hands the draft to `enqueue`
    /// while they are locked: so appends are queued in the order in which they were decided. Returns what the
    /// command's sender is given once the draft is written.
    pub(crate) fn in_memory(
        &self,
        slots: &[Arc<Slot>],
        enqueue: impl FnOnce(Draft),
    ) -> Result<R::Response, AttemptError> {
        let mut locked = lock(slots);
        if locked.iter().any(|states| states.frozen) {
            return Err(AttemptError::Frozen);
        }
        let (draft, response) = self.decide(slots, &mut locked)?;
        enqueue(draft);
        Ok(response)
    }

    /// Decides on slots that are frozen: for the writer, while it holds the log's lock.
    pub(crate) fn under_lock(
        &self,
        slots: &[Arc<Slot>],
    ) -> Result<(Draft, R::Response), AttemptError> {
        self.decide(slots, &mut lock(slots))
    }

    /// Drafts a refusal that only the append brought to light: a claim that is taken.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Result<(Draft, R::Response), LogError> {
        let response = self.respond.respond(Err(refusal));
        let answer = R::recordable(&response);
        let draft = self.circumstances.draft(&[], &[], None, answer)?;
        Ok((draft, response))
    }

    fn decide(
        &self,
        slots: &[Arc<Slot>],
        locked: &mut [MutexGuard<'_, States>],
    ) -> Result<(Draft, R::Response), AttemptError> {
        if locked.iter().any(|states| !states.current) {
            return Err(AttemptError::NotCurrent);
        }
        let aggregates = Aggregates {
            now: self.circumstances.now,
            states: slots
                .iter()
                .zip(locked.iter())
                .map(|(slot, states)| (slot.stream, &states.speculative))
                .collect(),
        };
        let (outcome, changes) = match self.command.decide(&aggregates) {
            Ok(decision) => {
                let (outcome, changes) = decision.apart();
                (Ok(outcome), Some(changes))
            }
            Err(refusal) => (Err(refusal), None),
        };
        let response = self.respond.respond(outcome);
        let versions: Vec<i64> = locked
            .iter()
            .map(|states| states.speculative.version)
            .collect();
        let answer = R::recordable(&response);
        let draft = self
            .circumstances
            .draft(slots, &versions, changes, answer)
            .map_err(AttemptError::Encode)?;
        for (slot, event) in &draft.events {
            locked[*slot].speculative.apply(event, draft.occurred_at);
        }
        Ok((draft, response))
    }
}

fn lock(slots: &[Arc<Slot>]) -> Vec<MutexGuard<'_, States>> {
    slots.iter().map(|slot| slot.lock()).collect()
}
