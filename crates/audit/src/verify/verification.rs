//! One verification, step by step.

use std::ops::Range;

use daybook_log::Position;
use sqlx::postgres::PgConnectOptions;

use super::anchor::{Anchor, Anchors};
use super::chunk::{CHUNK, Checked, positions};
use super::extent::{Extent, unsealed};
use super::finding::{CheckpointUsed, Finding, Kind, MOST_FINDINGS, Report};
use super::kept::agreed;
use super::names::add_names;
use super::roots::{Leaves, Source, stored};
use super::scan::scan;
use super::snapshot::Snapshot;
use super::trace::Tracer;
use super::{ProgressCallback, Settings, VerifyError};
use crate::tiles::WIDTH;
use crate::tree::{Hash, root_of};

pub(super) struct Verification<'s> {
    settings: &'s Settings,
    snapshot: Snapshot,
    extent: Extent,
    /// The anchors that the log or the tiles reach, the greatest first.
    anchors: Vec<Anchor>,
    findings: Vec<Finding>,
    untold: u64,
    used: Vec<CheckpointUsed>,
    origin: Option<String>,
}

impl<'s> Verification<'s> {
    pub(super) async fn begin(
        options: PgConnectOptions,
        settings: &'s Settings,
    ) -> Result<Verification<'s>, VerifyError> {
        let mut snapshot = Snapshot::take(options).await?;
        let connection = &mut snapshot.connection;
        let found = Anchors::gather(connection, &settings.trusted, &settings.external).await?;
        let extent = Extent::of(connection).await?;
        if found.all.is_empty() && found.findings.is_empty() && extent.has_only_rows() {
            let events = extent.events();
            return Err(VerifyError::NothingSealed { events });
        }
        let used = found.all.iter().map(|anchor| CheckpointUsed {
            source: anchor.source.clone(),
            size: anchor.size,
        });
        let mut verification = Verification {
            used: used.collect(),
            origin: found.all.first().map(|anchor| anchor.origin.clone()),
            settings,
            snapshot,
            extent,
            anchors: Vec::new(),
            findings: found.findings,
            untold: 0,
        };
        verification.take_anchors(found.all);
        Ok(verification)
    }

    /// A checkpoint that neither rows nor tiles reach proves that the end is missing.
    fn take_anchors(&mut self, anchors: Vec<Anchor>) {
        let reach = self.extent.reach();
        let (within, beyond): (Vec<_>, Vec<_>) =
            anchors.into_iter().partition(|anchor| anchor.size <= reach);
        if let Some(greatest) = beyond.first() {
            let is_cut = beyond.iter().any(|anchor| !anchor.is_external);
            let kind = if is_cut {
                Kind::Truncated
            } else {
                Kind::RolledBack
            };
            let gone = Finding::new(kind, self.extent.head.max(0).saturating_add(1));
            self.findings.push(
                gone.through(greatest.size as Position)
                    .told_by(told_by(greatest)),
            );
        }
        if self.extent.tiles > self.extent.checkpoint {
            let unsigned = self.extent.checkpoint..self.extent.tiles;
            let told = "the tree has them, but no checkpoint: it was removed";
            self.findings
                .push(over(Kind::Forged, &unsigned).told_by(told));
        }
        self.anchors = within;
    }

    /// How many events are sealed.
    pub(super) fn size(&self) -> u64 {
        self.anchors.first().map_or(0, |anchor| anchor.size)
    }

    pub(super) async fn run(mut self, progress: &ProgressCallback) -> Result<Report, VerifyError> {
        let size = self.size();
        let chunks = scan(&self.snapshot, size, self.settings.jobs, progress).await?;
        let mut leaves = Leaves::new(size, chunks);
        self.compare_roots(&mut leaves).await?;
        let unsealed = self.compare_rows(&leaves).await?;
        self.report(size, unsealed).await
    }

    async fn compare_roots(&mut self, leaves: &mut Leaves) -> Result<(), VerifyError> {
        let Some(greatest) = self.anchors.first().cloned() else {
            return Ok(());
        };
        let connection = &mut self.snapshot.connection;
        if leaves.lead_to(connection, &greatest.root).await? {
            self.findings.extend(broken_tiles(leaves));
            let above = unlike_above(connection, leaves).await?;
            self.findings
                .extend(above.iter().map(|range| over(Kind::Tree, range)));
        } else {
            return self.tell_rewritten(leaves, &greatest).await;
        }
        // Now the tree is the one that was signed last. Whatever was signed before must be a part of it.
        for anchor in self.anchors.clone() {
            let connection = &mut self.snapshot.connection;
            if leaves.root_at(connection, anchor.size).await? != Some(anchor.root) {
                return self.tell_set_back(leaves, &anchor).await;
            }
        }
        Ok(())
    }

    /// The log leads to one signed checkpoint and not to another: it was rolled back and continued differently. Only
    /// checkpoints that were kept outside the database show since when.
    async fn tell_set_back(&mut self, leaves: &Leaves, wrong: &Anchor) -> Result<(), VerifyError> {
        let connection = &mut self.snapshot.connection;
        let mut agreed = agreed(connection, leaves, self.settings, wrong.size).await?;
        for anchor in self.anchors.iter().filter(|anchor| anchor.is_external) {
            let root = leaves
                .root_at(&mut self.snapshot.connection, anchor.size)
                .await?;
            if root == Some(anchor.root) && anchor.size < wrong.size {
                agreed = agreed.max(anchor.size);
            }
        }
        let lost = agreed..wrong.size;
        self.tell(over(Kind::RolledBack, &lost).told_by(told_by(wrong)));
        Ok(())
    }

    /// The leaves do not lead to the greatest signed checkpoint: they are not those that were sealed, or the log was
    /// rolled back so far that the tree lacks them.
    async fn tell_rewritten(&mut self, leaves: &Leaves, wrong: &Anchor) -> Result<(), VerifyError> {
        let newest = self.anchors.iter().find(|anchor| !anchor.is_external);
        let newest = newest.map_or(0, |anchor| anchor.size);
        if wrong.is_external && self.extent.tiles.max(newest) < wrong.size {
            return self.tell_set_back(leaves, wrong).await;
        }
        let ranges = leaves
            .rewritten(
                &mut self.snapshot.connection,
                &self.settings.trusted,
                &self.anchors,
                wrong,
            )
            .await?;
        for range in ranges {
            self.tell(over(Kind::Rewritten, &range).told_by(told_by(wrong)));
        }
        Ok(())
    }

    /// Returns how many events are not sealed yet.
    async fn compare_rows(&mut self, leaves: &Leaves) -> Result<u64, VerifyError> {
        let connection = &mut self.snapshot.connection;
        let is_harmed =
            |chunk: &Checked| chunk.is_dirty && leaves.source(chunk.index) == Source::Tiles;
        let after = unsealed(connection, leaves.size).await?;
        match after {
            Some(unsealed)
                if !self.extent.has_misplaced && !leaves.chunks.iter().any(is_harmed) =>
            {
                return Ok(unsealed);
            }
            _ => {}
        }
        let tracer = Tracer::new(connection, leaves.size, self.extent.head);
        let traced = tracer.run(&leaves.chunks, is_harmed).await?;
        self.untold += traced.untold + traced.tail.untold;
        let mut findings = traced.trace.findings();
        findings.extend(traced.tail.findings);
        if findings.is_empty() && traced.untold == 0 {
            // Something does not match, or there would have been nothing to trace.
            let told = "the rows do not stand one at each position";
            findings.push(over(Kind::Reordered, &(0..leaves.size.max(1))).told_by(told));
        }
        for finding in findings {
            self.tell(finding);
        }
        Ok(traced.tail.unsealed)
    }

    fn tell(&mut self, finding: Finding) {
        match self.findings.len() < MOST_FINDINGS {
            true => self.findings.push(finding),
            false => self.untold += 1,
        }
    }

    async fn report(mut self, sealed: u64, unsealed: u64) -> Result<Report, VerifyError> {
        self.findings
            .sort_by_key(|finding| (finding.position, finding.kind));
        add_names(&mut self.snapshot.connection, &mut self.findings).await?;
        self.snapshot.end().await?;
        Ok(Report {
            origin: self.origin,
            sealed,
            unsealed,
            checkpoints: self.used,
            findings: self.findings,
            more: self.untold,
        })
    }
}

/// Tiles that are missing or wrong although the events lead to the root.
fn broken_tiles(leaves: &Leaves) -> Vec<Finding> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for chunk in &leaves.chunks {
        let differing = chunk.differing.clone();
        let differing = differing.filter(|_| leaves.source(chunk.index) == Source::Rows);
        let own = match chunk.broken_tiles.is_empty() {
            true => differing.into_iter().collect(),
            false => chunk.broken_tiles.clone(),
        };
        for range in own {
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
    }
    ranges.iter().map(|range| over(Kind::Tree, range)).collect()
}

/// The leaves below upper tiles that do not follow from the tiles below them.
async fn unlike_above(
    connection: &mut sqlx::PgConnection,
    leaves: &Leaves,
) -> Result<Vec<Range<u64>>, VerifyError> {
    let mut unlike = Vec::new();
    let (mut level, mut width) = (2, CHUNK);
    let mut hashes: Vec<Hash> = leaves.whole_chunks();
    while !hashes.is_empty() {
        let stored = stored(connection, level, hashes.len() as u64).await?;
        let wrong =
            (0..hashes.len()).filter(|n| stored.as_ref().is_none_or(|of| of[*n] != hashes[*n]));
        if let (Some(first), Some(last)) = (wrong.clone().min(), wrong.max()) {
            unlike.push(first as u64 * width..(last as u64 + 1) * width);
        }
        hashes = hashes.chunks_exact(WIDTH as usize).map(root_of).collect();
        (level, width) = (level + 1, width * WIDTH);
    }
    Ok(unlike)
}

/// A finding about the events of these leaves.
fn over(kind: Kind, leaves: &Range<u64>) -> Finding {
    let (first, last) = positions(leaves);
    Finding::new(kind, first).through(last)
}

fn told_by(anchor: &Anchor) -> String {
    format!("the checkpoint of {} events {}", anchor.size, anchor.source)
}
