//! Writing a batch, and finding out what was wrong with it.

use std::collections::HashSet;
use std::sync::Arc;

use daybook_domain::StreamId;
use daybook_log::Position;
use daybook_log::append::Append;
use daybook_log::conflict::Conflicts;
use error_reporter::Report;
use metrics::{counter, histogram};
use tracing::error;

use super::batch::{uses_any, written};
use super::connection::Refused;
use super::{Pending, Settled, Writer};
use crate::slot::{EVENTS_BETWEEN_SNAPSHOTS, Trust};

/// How often a batch that nothing stands in the way of (any more) is sent whole before it is halved.
const TRIES_WHOLE: u32 = 2;

struct Part {
    pending: Vec<Pending>,
    unexplained: u32,
}

struct Failed {
    pending: Pending,
    settled: Settled,
    /// Streams known to have grown elsewhere.
    grown: Arc<HashSet<StreamId>>,
}

impl Writer {
    /// Writes a batch. One failing append fails alone: what conflicts is named by one query, it and
    /// what was decided on top of it fail, and the rest is written again as one batch. Only a batch
    /// that fails without a cause that can be named is halved.
    pub(super) async fn write(&mut self, batch: Vec<Pending>) {
        histogram!("daybook_append_batch_size").record(batch.len() as f64);
        let mut failed = Vec::new();
        let mut void: HashSet<StreamId> = HashSet::new();
        let mut parts = vec![Part {
            pending: batch,
            unexplained: 0,
        }];
        while let Some(part) = parts.pop() {
            let Part {
                pending,
                unexplained,
            } = set_apart_void(part, &mut void, &mut failed);
            if pending.is_empty() {
                continue;
            }
            let appends: Vec<&Append> = pending
                .iter()
                .map(|pending| &pending.draft.append)
                .collect();
            let refusal = match self.connection.append(&appends).await {
                Ok(head) => {
                    self.settle_written(pending, head);
                    continue;
                }
                Err(Refused::Abandoned) => {
                    failed.extend(
                        pending
                            .into_iter()
                            .map(|pending| Failed::alone(pending, Settled::Abandoned)),
                    );
                    continue;
                }
                Err(Refused::ByDatabase(error)) => error,
            };
            // A question that is refused names nothing, and the batch is halved.
            let conflicts = self
                .connection
                .conflicts(&appends)
                .await
                .unwrap_or_default();
            if conflicts.already_written {
                self.settle_written_before(pending).await;
            } else if !conflicts.is_empty() {
                let rest = name_failures(pending, conflicts, &mut void, &mut failed);
                parts.push(Part {
                    pending: rest,
                    unexplained: 0,
                });
            } else if unexplained + 1 < TRIES_WHOLE {
                parts.push(Part {
                    pending,
                    unexplained: unexplained + 1,
                });
            } else if pending.len() > 1 {
                let mut first = pending;
                let second = first.split_off(first.len() / 2);
                parts.push(Part {
                    pending: second,
                    unexplained,
                });
                parts.push(Part {
                    pending: first,
                    unexplained,
                });
            } else {
                let reason = Report::new(&refusal).to_string();
                error!(error = reason, "the database refused an append");
                void.extend(pending.iter().flat_map(written));
                failed.extend(
                    pending
                        .into_iter()
                        .map(|pending| Failed::alone(pending, Settled::Failed(reason.clone()))),
                );
            }
        }
        settle(failed);
    }

    pub(super) fn settle_written(&self, batch: Vec<Pending>, head: Position) {
        let mut position = head;
        for pending in batch {
            position += pending.draft.append.events.len() as Position;
            self.settle_one(pending, position);
        }
    }

    /// An earlier attempt, of which no answer came, had succeeded.
    async fn settle_written_before(&mut self, batch: Vec<Pending>) {
        let appends: Vec<&Append> = batch.iter().map(|pending| &pending.draft.append).collect();
        match self.connection.positions(&appends).await {
            Ok(positions) => {
                batch
                    .into_iter()
                    .zip(positions)
                    .for_each(|(pending, position)| self.settle_one(pending, position));
            }
            Err(_) => settle(
                batch
                    .into_iter()
                    .map(|pending| Failed::alone(pending, Settled::Abandoned))
                    .collect(),
            ),
        }
    }

    fn settle_one(&self, pending: Pending, position: Position) {
        let Pending { draft, reply } = pending;
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
        // Whoever asked may have given up waiting; the append stands.
        let _ = reply.send(Settled::Written {
            answer: draft.answer,
            position,
        });
    }

    /// Appends that rested on what another had already lost.
    pub(super) fn settle_failures(&self, outrun: Vec<Pending>) {
        settle(
            outrun
                .into_iter()
                .map(|pending| Failed::alone(pending, Settled::Outrun))
                .collect(),
        );
    }
}

impl Failed {
    fn alone(pending: Pending, settled: Settled) -> Failed {
        Failed {
            pending,
            settled,
            grown: Arc::default(),
        }
    }
}

/// Takes out what rests on appends that failed.
fn set_apart_void(part: Part, void: &mut HashSet<StreamId>, failed: &mut Vec<Failed>) -> Part {
    if void.is_empty() {
        return part;
    }
    let mut kept = Vec::with_capacity(part.pending.len());
    for pending in part.pending {
        if uses_any(&pending, void) {
            void.extend(written(&pending));
            failed.push(Failed::alone(pending, Settled::Outrun));
        } else {
            kept.push(pending);
        }
    }
    Part {
        pending: kept,
        unexplained: part.unexplained,
    }
}

/// Fails the appends that the conflicts name; answers the rest, of which some may rest on those.
fn name_failures(
    batch: Vec<Pending>,
    conflicts: Conflicts,
    void: &mut HashSet<StreamId>,
    failed: &mut Vec<Failed>,
) -> Vec<Pending> {
    let Conflicts {
        streams,
        claims,
        vacancies,
        keys,
        ..
    } = conflicts;
    let grown = Arc::new(streams);
    let mut rest = Vec::with_capacity(batch.len());
    for (n, pending) in batch.into_iter().enumerate() {
        // The key comes first: what was answered once is not judged a second time.
        let settled = if keys.contains(&n) {
            Settled::KeyTaken
        } else if uses_any(&pending, &grown) {
            Settled::Outrun
        } else if let Some(claim) = claims.get(&n) {
            Settled::ClaimTaken(claim.kind)
        } else if vacancies.contains_key(&n) {
            Settled::Occupied
        } else {
            rest.push(pending);
            continue;
        };
        void.extend(written(&pending));
        failed.push(Failed {
            pending,
            settled,
            grown: Arc::clone(&grown),
        });
    }
    rest
}

/// Voids the slots of what failed, and only then tells those who wait.
fn settle(failed: Vec<Failed>) {
    for Failed {
        pending,
        settled,
        grown,
    } in &failed
    {
        counter!("daybook_appends_failed_total", "reason" => settled.reason()).increment(1);
        let unsure = matches!(settled, Settled::Failed(_) | Settled::Abandoned);
        let trust = |stream| match grown.contains(&stream) {
            _ if unsure => Trust::Nothing,
            true => Trust::ConfirmedUpToItsTail,
            false => Trust::Confirmed,
        };
        let written: HashSet<StreamId> = written(pending).collect();
        for (slot, generation) in &pending.draft.uses {
            let trust = trust(slot.stream);
            let touched = trust != Trust::Confirmed || written.contains(&slot.stream);
            // Voided once: a newer generation rests on what is confirmed.
            if touched && slot.generation() == *generation {
                slot.void(trust);
            }
        }
    }
    for Failed {
        pending, settled, ..
    } in failed
    {
        let _ = pending.reply.send(settled);
    }
}

impl Settled {
    fn reason(&self) -> &'static str {
        match self {
            Settled::Written { .. } => "none",
            Settled::Outrun => "outrun",
            Settled::ClaimTaken(_) => "claim",
            Settled::Occupied => "occupied",
            Settled::KeyTaken => "key",
            Settled::NoKey => "no-key",
            Settled::Failed(_) => "refused",
            Settled::Abandoned => "abandoned",
        }
    }
}
