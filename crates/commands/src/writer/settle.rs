//! What follows once it is known how appends ended: slots are brought up to date, and the requesters are told.

use std::collections::HashSet;
use std::sync::Arc;

use daybook_domain::StreamId;
use daybook_log::Position;
use daybook_log::conflict::Conflicts;
use metrics::counter;

use super::batch::{uses_any, written};
use super::{NotWritten, Pending, Writer};
use crate::slot::{EVENTS_BETWEEN_SNAPSHOTS, Trust};

impl Writer {
    pub(super) fn settle_written(&mut self, batch: Vec<Pending>, head: Position) {
        let mut position = head;
        for pending in batch {
            position += pending.draft.append.events.len() as Position;
            self.settle_one(pending, position);
        }
    }

    pub(super) fn settle_one(&mut self, pending: Pending, position: Position) {
        let Pending { draft, reply, .. } = pending;
        if let Some(last) = draft.append.events.last() {
            self.connection.acknowledge(position, last.event_id);
        }
        for (n, (slot, _)) in draft.uses.iter().enumerate() {
            let sequences = draft.append.events.iter().map(|event| event.sequence);
            let mut own = sequences
                .zip(&draft.events)
                .filter(|(_, (used, _))| *used == n)
                .map(|(sequence, (_, event))| (sequence, event))
                .peekable();
            if own.peek().is_none() {
                continue;
            }
            let version = slot.confirm(own, draft.occurred_at);
            if slot.beyond_snapshot(version) >= EVENTS_BETWEEN_SNAPSHOTS {
                // When many are due, this one's next append asks again.
                let _ = self.snapshots.try_send(Arc::clone(slot));
            }
        }
        // The requester may have given up waiting; the append stands.
        let _ = reply.send(Ok(position));
    }
}

/// Appends that failed while a batch was written.
#[derive(Default)]
pub(super) struct Failures {
    failed: Vec<Failed>,
    /// Streams that failed appends were to write: whatever depends on these is void.
    void: HashSet<StreamId>,
}

struct Failed {
    pending: Pending,
    why: NotWritten,
    /// Streams known to have grown elsewhere.
    grown: Arc<HashSet<StreamId>>,
}

impl Failures {
    /// Takes out of a part what depends on appends that failed.
    pub(super) fn set_apart_void(&mut self, part: Vec<Pending>) -> Vec<Pending> {
        if self.void.is_empty() {
            return part;
        }
        let mut kept = Vec::with_capacity(part.len());
        for pending in part {
            if uses_any(&pending, &self.void) {
                self.void.extend(written(&pending));
                self.add(pending, NotWritten::Outrun);
            } else {
                kept.push(pending);
            }
        }
        kept
    }

    /// Takes out of a part what the conflicts name; returns the rest, of which some may depend on that.
    pub(super) fn add_named(&mut self, part: Vec<Pending>, conflicts: Conflicts) -> Vec<Pending> {
        let Conflicts {
            streams,
            claims,
            vacancies,
            keys,
            ..
        } = conflicts;
        let grown = Arc::new(streams);
        let mut rest = Vec::with_capacity(part.len());
        for (n, pending) in part.into_iter().enumerate() {
            // The key comes first: what was answered once is not judged a second time.
            let why = if keys.contains(&n) {
                NotWritten::KeyTaken
            } else if uses_any(&pending, &grown) {
                NotWritten::Outrun
            } else if let Some(claim) = claims.get(&n) {
                NotWritten::ClaimTaken(claim.kind)
            } else if vacancies.contains_key(&n) {
                NotWritten::Occupied
            } else {
                rest.push(pending);
                continue;
            };
            self.void.extend(written(&pending));
            self.failed.push(Failed {
                pending,
                why,
                grown: Arc::clone(&grown),
            });
        }
        rest
    }

    /// Appends that the database refuses for another reason than a conflict.
    pub(super) fn add_refused(&mut self, part: Vec<Pending>, reason: &str) {
        for pending in part {
            self.void.extend(written(&pending));
            self.add(pending, NotWritten::Refused(reason.to_owned()));
        }
    }

    pub(super) fn add_abandoned(&mut self, part: Vec<Pending>) {
        for pending in part {
            self.add(pending, NotWritten::Abandoned);
        }
    }

    /// Appends that rested on what another had already lost.
    pub(super) fn add_outrun(&mut self, part: Vec<Pending>) {
        for pending in part {
            self.add(pending, NotWritten::Outrun);
        }
    }

    fn add(&mut self, pending: Pending, why: NotWritten) {
        self.failed.push(Failed {
            pending,
            why,
            grown: Arc::default(),
        });
    }

    /// Voids the slots of what failed, and only then tells those who wait.
    pub(super) fn settle(self) {
        for failed in &self.failed {
            counter!("daybook_appends_failed_total", "reason" => failed.why.reason()).increment(1);
            failed.void_slots();
        }
        for Failed { pending, why, .. } in self.failed {
            let _ = pending.reply.send(Err(why));
        }
    }
}

impl Failed {
    fn void_slots(&self) {
        let written: HashSet<StreamId> = written(&self.pending).collect();
        for (slot, generation) in &self.pending.draft.uses {
            let trust = self.trust(slot.stream);
            let touched = trust != Trust::Confirmed || written.contains(&slot.stream);
            // Voided once: a newer generation rests on what is confirmed.
            if touched && slot.generation() == *generation {
                slot.void(trust);
            }
        }
    }

    fn trust(&self, stream: StreamId) -> Trust {
        if matches!(self.why, NotWritten::Refused(_) | NotWritten::Abandoned) {
            Trust::Nothing
        } else if self.grown.contains(&stream) {
            Trust::ConfirmedUpToItsTail
        } else {
            Trust::Confirmed
        }
    }
}

impl NotWritten {
    fn reason(&self) -> &'static str {
        match self {
            NotWritten::Outrun => "outrun",
            NotWritten::ClaimTaken(_) => "claim",
            NotWritten::Occupied => "occupied",
            NotWritten::KeyTaken => "key",
            NotWritten::NoKey => "no-key",
            NotWritten::Refused(_) => "refused",
            NotWritten::Abandoned => "abandoned",
        }
    }
}
