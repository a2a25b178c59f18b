//! Writing a batch, and finding out what was wrong with it.

use daybook_log::append::Append;
use error_reporter::Report;
use metrics::histogram;
use tracing::error;

use super::connection::Refused;
use super::settle::Failures;
use super::{Pending, Writer};

/// How often a batch that nothing stands in the way of (any more) is sent whole before it is halved.
const TRIES_WHOLE: u32 = 2;

/// Appends of a batch that are still to be written, together.
struct Part {
    pending: Vec<Pending>,
    /// How often it was refused without a cause that could be named.
    unexplained: u32,
}

impl Writer {
    /// Writes a batch. One failing append fails alone: what conflicts is named by one query, it and
    /// what was decided on top of it fail, and the rest is written again as one batch. Only a batch
    /// that fails without a cause that can be named is halved.
    /// All of it was decided in one epoch.
    pub(super) async fn write(&mut self, batch: Vec<Pending>, epoch: u64) {
        histogram!("daybook_append_batch_size").record(batch.len() as f64);
        let mut failures = Failures::default();
        let mut parts = vec![Part::new(batch)];
        while let Some(mut part) = parts.pop() {
            part.pending = failures.set_apart_void(part.pending);
            if part.pending.is_empty() {
                continue;
            }
            let written = self.connection.append(&appends(&part.pending), epoch).await;
            match written {
                Ok(head) => self.settle_written(part.pending, head),
                Err(Refused::Abandoned) => failures.add_abandoned(part.pending),
                Err(Refused::Outlived) => self.look_up(part.pending, &mut failures).await,
                Err(Refused::ByDatabase(refusal)) => {
                    parts.extend(self.explain(part, &refusal, &mut failures).await);
                }
            }
        }
        failures.settle();
    }

    /// Finds out why the database refused a part. Returns what is still to be written of it, the next part last.
    async fn explain(
        &mut self,
        mut part: Part,
        refusal: &sqlx::Error,
        failures: &mut Failures,
    ) -> Vec<Part> {
        let asked = self.connection.conflicts(&appends(&part.pending)).await;
        // A question that is refused names nothing, and the part is halved.
        let conflicts = asked.unwrap_or_default();
        if conflicts.already_written {
            self.settle_written_before(part.pending).await;
            return Vec::new();
        }
        if !conflicts.is_empty() {
            return vec![Part::new(failures.add_named(part.pending, conflicts))];
        }
        part.unexplained += 1;
        if part.unexplained < TRIES_WHOLE {
            return vec![part];
        }
        if part.pending.len() > 1 {
            return part.halves();
        }
        let reason = Report::new(refusal).to_string();
        error!(error = reason, "the database refused an append");
        failures.add_refused(part.pending, &reason);
        Vec::new()
    }

    /// Another instance of the database was met: what an earlier attempt wrote may or may not be in its log. What is
    /// not is decided again, on what that log holds.
    async fn look_up(&mut self, batch: Vec<Pending>, failures: &mut Failures) {
        match self.connection.conflicts(&appends(&batch)).await {
            Ok(conflicts) if conflicts.already_written => self.settle_written_before(batch).await,
            Err(Refused::Abandoned) => failures.add_abandoned(batch),
            Ok(_) | Err(_) => failures.add_outrun(batch),
        }
    }

    /// An earlier attempt, of which no answer came, had succeeded.
    async fn settle_written_before(&mut self, batch: Vec<Pending>) {
        let found = self.connection.positions(&appends(&batch)).await;
        match found {
            Ok(positions) => {
                for (pending, position) in batch.into_iter().zip(positions) {
                    self.settle_one(pending, position);
                }
            }
            Err(_) => {
                let mut failures = Failures::default();
                failures.add_abandoned(batch);
                failures.settle();
            }
        }
    }
}

impl Part {
    fn new(pending: Vec<Pending>) -> Part {
        Part {
            pending,
            unexplained: 0,
        }
    }

    /// A half that is refused again is halved at once. The first half stands last, since it is written next.
    fn halves(self) -> Vec<Part> {
        let unexplained = self.unexplained - 1;
        let mut first = self.pending;
        let second = first.split_off(first.len() / 2);
        [second, first]
            .map(|pending| Part {
                pending,
                unexplained,
            })
            .into()
    }
}

fn appends(batch: &[Pending]) -> Vec<&Append> {
    batch.iter().map(|pending| &pending.draft.append).collect()
}
