//! What happened to the events of chunks that are not as they were sealed.
//!
//! Rows are found again by their hashes, one segment of the log at a time, so that memory is bounded: whatever has no
//! match within its segment is kept, up to a limit, and matched at the end.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use daybook_log::Position;
use daybook_log::leaf::{LeafChunk, LeafReader};
use sqlx::PgConnection;
use tokio::task::spawn_blocking;

use super::VerifyError;
use super::chunk::{CHUNK, Checked, Sealed, leaves_of, positions, row_hashes};
use super::classify::{Missing, Stray, Trace};
use super::order::{self, Run};
use super::segment::{Segment, keep};
use super::tail::Tail;
use crate::tree::Hash;

/// How many dirty chunks have their leaves in memory at a time: a million leaves.
const SEGMENT: usize = 16;

/// The result, and how many rows and leaves were too many to be told apart.
pub(super) struct Traced {
    pub(super) trace: Trace,
    pub(super) tail: Tail,
    pub(super) untold: u64,
}

pub(super) struct Tracer<'c> {
    connection: &'c mut PgConnection,
    size: u64,
    trace: Trace,
    /// Positions for which neither tiles nor rows show what was sealed.
    unknown: Vec<RangeInclusive<Position>>,
    untold: u64,
}

impl<'c> Tracer<'c> {
    pub(super) fn new(connection: &'c mut PgConnection, size: u64, head: Position) -> Tracer<'c> {
        Tracer {
            connection,
            size,
            trace: Trace {
                head,
                ..Trace::default()
            },
            unknown: Vec::new(),
            untold: 0,
        }
    }

    /// `is_to_be_traced` says whether a chunk's rows are not what was sealed.
    pub(super) async fn run(
        mut self,
        chunks: &[Checked],
        is_to_be_traced: impl Fn(&Checked) -> bool,
    ) -> Result<Traced, VerifyError> {
        self.take_misplaced().await?;
        // Groups of whole chunks and groups of harmed ones take turns.
        let stretches = chunks.chunk_by(|a, b| is_to_be_traced(a) == is_to_be_traced(b));
        for stretch in stretches {
            if is_to_be_traced(&stretch[0]) {
                for segment in stretch.chunks(SEGMENT) {
                    self.take_segment(segment).await?;
                }
            } else {
                self.take_whole(stretch);
            }
        }
        self.trace.missing.sort_by_key(|missing| missing.position);
        self.fit_together();
        let tail = self.take_tail().await?;
        Ok(Traced {
            trace: self.trace,
            tail,
            untold: self.untold,
        })
    }

    /// Takes the rows without a position, or with one below 1.
    async fn take_misplaced(&mut self) -> Result<(), VerifyError> {
        let below = LeafReader::open(self.connection, Position::MIN..=0).await?;
        take_strays(below, &mut self.trace.strays, &mut self.untold).await?;
        let unplaced = LeafReader::open_unplaced(self.connection).await?;
        take_strays(unplaced, &mut self.trace.strays, &mut self.untold).await
    }

    /// Takes consecutive chunks whose events are all where they were sealed.
    fn take_whole(&mut self, chunks: &[Checked]) {
        let first = chunks[0].index * CHUNK;
        let end = ((chunks[chunks.len() - 1].index + 1) * CHUNK).min(self.size);
        let run = Run {
            at: first as Position + 1,
            home: first as Position + 1,
            length: end - first,
        };
        order::push(&mut self.trace.runs, run);
    }

    async fn take_segment(&mut self, chunks: &[Checked]) -> Result<(), VerifyError> {
        let mut segment = Segment::default();
        for chunk in chunks {
            let leaves = leaves_of(chunk.index, self.size);
            let sealed = Sealed::load(self.connection, leaves.clone()).await?;
            let rows = match sealed.is_complete() {
                true => None,
                false => row_hashes(self.connection, leaves).await?,
            };
            for (leaves, hashes) in sealed.tiles(rows.as_deref()) {
                let (first, last) = positions(&leaves);
                match hashes {
                    Some(hashes) => segment.add_leaves(first, hashes),
                    None => self.unknown.push(first..=last),
                }
            }
        }
        for chunk in chunks {
            let (first, last) = positions(&leaves_of(chunk.index, self.size));
            let mut reader = LeafReader::open(self.connection, first..=last).await?;
            while let Some(chunk) = reader.next().await? {
                let hashed = Hashed::of(chunk).await?;
                hashed.each(|row| segment.add_row(row, &mut self.untold));
            }
        }
        segment.end(&mut self.trace, &mut self.untold);
        Ok(())
    }

    /// Rows without a match in their segment may match leaves that are missing in another.
    fn fit_together(&mut self) {
        let mut homes = by_hash(&self.trace.missing);
        let mut found = Vec::new();
        self.trace
            .strays
            .retain(|stray| match homes.remove(&stray.hash) {
                Some(home) => {
                    found.push(single(stray.position, home));
                    false
                }
                None => true,
            });
        // If it is not known what was sealed at a position, nothing can be said about a row there.
        let is_known = |at: &Position| !self.unknown.iter().any(|unknown| unknown.contains(at));
        self.trace.strays.retain(|stray| is_known(&stray.position));
        self.trace.strays.sort_by_key(|stray| stray.position);
        self.place(found);
    }

    /// Adds runs at the positions of their rows; their leaves are then no longer missing.
    fn place(&mut self, found: Vec<Run>) {
        if found.is_empty() {
            return;
        }
        let homes: HashSet<Position> = found.iter().map(|run| run.home).collect();
        self.trace
            .missing
            .retain(|missing| !homes.contains(&missing.position));
        let mut all = std::mem::take(&mut self.trace.runs);
        all.extend(found);
        all.sort_by_key(|run| run.at);
        all.into_iter()
            .for_each(|run| order::push(&mut self.trace.runs, run));
    }

    /// The rows after the last sealed position: sealed events that were moved there, and then events that are not
    /// sealed yet.
    async fn take_tail(&mut self) -> Result<Tail, VerifyError> {
        let mut tail = Tail::after(&mut self.trace, self.size);
        let mut homes = by_hash(&self.trace.missing);
        let mut found = Vec::new();
        let from = Position::try_from(self.size)
            .unwrap_or(Position::MAX)
            .saturating_add(1);
        let mut reader = LeafReader::open(self.connection, from..=Position::MAX).await?;
        while let Some(chunk) = reader.next().await? {
            Hashed::of(chunk)
                .await?
                .each(|row| match homes.remove(&row.hash) {
                    Some(home) => {
                        found.push(single(row.position, home));
                        tail.sealed_event_at(row.position);
                    }
                    None => tail.row_at(row.position, row.stream),
                });
        }
        drop(reader);
        self.place(found);
        Ok(tail)
    }
}

async fn take_strays(
    mut reader: LeafReader<'_>,
    strays: &mut Vec<Stray>,
    untold: &mut u64,
) -> Result<(), VerifyError> {
    while let Some(chunk) = reader.next().await? {
        Hashed::of(chunk)
            .await?
            .each(|stray| keep(strays, untold, stray));
    }
    Ok(())
}

/// Rows with their hashes, made by another thread.
struct Hashed {
    chunk: LeafChunk,
    hashes: Vec<Hash>,
}

impl Hashed {
    async fn of(chunk: LeafChunk) -> Result<Hashed, VerifyError> {
        let hashing = spawn_blocking(move || {
            let mut scratch = Vec::new();
            let hashes = chunk.rows().map(|row| row.hash(&mut scratch)).collect();
            Hashed { chunk, hashes }
        });
        Ok(hashing.await?)
    }

    fn each(&self, mut take: impl FnMut(Stray)) {
        for (row, hash) in self.chunk.rows().zip(&self.hashes) {
            take(Stray {
                position: row.position,
                hash: *hash,
                stream: row.stream(),
            });
        }
    }
}

fn single(at: Position, home: Position) -> Run {
    Run {
        at,
        home,
        length: 1,
    }
}

fn by_hash(missing: &[Missing]) -> HashMap<Hash, Position> {
    missing
        .iter()
        .map(|missing| (missing.hash, missing.position))
        .collect()
}
