//! A range of the log, compared with the leaves that were sealed for it.

use std::ops::Range;

use daybook_log::Position;
use daybook_log::leaf::{LeafChunk, LeafReader};
use sqlx::PgConnection;
use tokio::task::spawn_blocking;

use super::VerifyError;
use crate::tiles::{TileId, Tiles, WIDTH};
use crate::tree::{Hash, root_of};

/// How many leaves a chunk has: a complete subtree, whose hash is in the tiles of level 2.
pub(super) const CHUNK: u64 = WIDTH * WIDTH;

/// What was found in a chunk.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) index: u64,
    /// It does not have exactly one row for each position, with the leaf of that position.
    pub(super) is_dirty: bool,
    /// The range from the first to the last leaf that differs from its row.
    pub(super) differing: Option<Range<u64>>,
    /// The hash of the chunk's subtree computed from the lowest tiles; if one is missing, from its rows.
    pub(super) by_tiles: Option<Hash>,
    /// The same hash computed from the rows, if there is one for each position.
    pub(super) by_rows: Option<Hash>,
    /// The leaves whose lowest tile, or the one above that, is missing or wrong.
    pub(super) broken_tiles: Vec<Range<u64>>,
}

/// The leaves of a chunk in a tree of that size.
pub(super) fn leaves_of(index: u64, size: u64) -> Range<u64> {
    index * CHUNK..((index + 1) * CHUNK).min(size)
}

/// The positions of leaves.
pub(super) fn positions(leaves: &Range<u64>) -> (Position, Position) {
    (leaves.start as Position + 1, leaves.end as Position)
}

/// The leaves that were sealed, according to the tiles.
pub(super) struct Sealed {
    leaves: Range<u64>,
    /// `None` if the tile is missing or too short.
    tiles: Vec<Option<Vec<Hash>>>,
    /// The hash of each whole tile according to the tile above.
    above: Vec<Hash>,
}

impl Sealed {
    pub(super) async fn load(
        connection: &mut PgConnection,
        leaves: Range<u64>,
    ) -> Result<Sealed, VerifyError> {
        let lowest = leaves.start / WIDTH..leaves.end.div_ceil(WIDTH);
        let id = |index| TileId { level: 0, index };
        let above = TileId {
            level: 1,
            index: leaves.start / CHUNK,
        };
        let tiles = Tiles::load(connection, lowest.clone().map(id).chain([above])).await?;
        let hashes = |index: u64| {
            let needed = (leaves.end - index * WIDTH).min(WIDTH) as usize;
            Some(tiles.get(id(index))?.hashes.get(..needed)?.to_vec())
        };
        Ok(Sealed {
            tiles: lowest.map(hashes).collect(),
            above: tiles
                .get(above)
                .map(|tile| tile.hashes.clone())
                .unwrap_or_default(),
            leaves,
        })
    }

    /// Whether no tile is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.tiles.iter().all(Option::is_some)
    }

    /// Tile by tile. A missing tile is replaced by rows, if there is one for each position.
    pub(super) fn tiles<'t>(
        &'t self,
        rows: Option<&'t [Hash]>,
    ) -> impl Iterator<Item = (Range<u64>, Option<&'t [Hash]>)> {
        let Range { start, end } = self.leaves;
        self.tiles.iter().zip(0..).map(move |(tile, index)| {
            let leaves = start + index * WIDTH..(start + (index + 1) * WIDTH).min(end);
            let within = (leaves.start - start) as usize..(leaves.end - start) as usize;
            let hashes = tile.as_deref().or_else(|| rows?.get(within));
            (leaves, hashes)
        })
    }

    /// All leaves, if they are all known.
    pub(super) fn filled(&self, rows: Option<&[Hash]>) -> Option<Vec<Hash>> {
        let tiles: Option<Vec<&[Hash]>> = self.tiles(rows).map(|(_, hashes)| hashes).collect();
        Some(tiles?.concat())
    }

    /// The leaves whose tiles are missing, or do not lead to the tile above.
    fn broken(&self) -> Vec<Range<u64>> {
        let is_broken = |(leaves, hashes): &(Range<u64>, Option<&[Hash]>)| match hashes {
            None => true,
            Some(hashes) if hashes.len() as u64 == WIDTH => {
                let index = (leaves.start - self.leaves.start) / WIDTH;
                self.above.get(index as usize) != Some(&root_of(hashes))
            }
            // A tile that still grows has no hash in the tile above.
            Some(_) => false,
        };
        self.tiles(None)
            .filter(is_broken)
            .map(|(leaves, _)| leaves)
            .collect()
    }
}

/// The hashes of rows as they are read, as long as there is one for each position.
struct Rows {
    leaves: Range<u64>,
    hashes: Vec<Hash>,
    is_dense: bool,
}

impl Rows {
    fn take(&mut self, chunk: &LeafChunk) {
        let mut scratch = Vec::new();
        for row in chunk.rows() {
            let expected = self.leaves.start + self.hashes.len() as u64 + 1;
            self.is_dense &= u64::try_from(row.position) == Ok(expected);
            if !self.is_dense {
                return;
            }
            self.hashes.push(row.hash(&mut scratch));
        }
    }

    fn all(&self) -> Option<&[Hash]> {
        let is_all =
            self.is_dense && self.hashes.len() as u64 == self.leaves.end - self.leaves.start;
        is_all.then_some(&self.hashes)
    }
}

/// Reads and compares a chunk. `progress` is called with the number of rows as they are read.
pub(super) async fn check(
    connection: &mut PgConnection,
    index: u64,
    size: u64,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Checked, VerifyError> {
    let leaves = leaves_of(index, size);
    let sealed = Sealed::load(connection, leaves.clone()).await?;
    let rows = read(connection, leaves, progress).await?;
    Ok(spawn_blocking(move || compare(index, &sealed, &rows)).await?)
}

/// The hashes of a chunk's rows, if there is one for each position.
pub(super) async fn row_hashes(
    connection: &mut PgConnection,
    leaves: Range<u64>,
) -> Result<Option<Vec<Hash>>, VerifyError> {
    let rows = read(connection, leaves, &|_| ()).await?;
    Ok(rows.all().map(<[Hash]>::to_vec))
}

/// Another thread hashes while the next rows are read.
async fn read(
    connection: &mut PgConnection,
    leaves: Range<u64>,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Rows, VerifyError> {
    let (first, last) = positions(&leaves);
    let mut rows = Rows {
        hashes: Vec::with_capacity((leaves.end - leaves.start) as usize),
        is_dense: true,
        leaves,
    };
    let mut reader = LeafReader::open(connection, first..=last).await?;
    let mut next = reader.next().await?;
    while let Some(chunk) = next {
        progress(chunk.len() as u64);
        let hashing = spawn_blocking(move || {
            rows.take(&chunk);
            rows
        });
        next = reader.next().await?;
        rows = hashing.await?;
    }
    Ok(rows)
}

fn compare(index: u64, sealed: &Sealed, rows: &Rows) -> Checked {
    let (by_position, filled) = (rows.all(), sealed.filled(rows.all()));
    let differing = match (by_position, &filled) {
        (Some(rows), Some(leaves)) => differing(rows, leaves, sealed.leaves.start),
        // There is not one row for each position, or rows and tiles are both missing.
        _ => Some(sealed.leaves.clone()),
    };
    let by_tiles = filled.map(|leaves| root_of(&leaves));
    Checked {
        index,
        is_dirty: differing.is_some(),
        by_rows: match differing {
            None => by_tiles,
            Some(_) => by_position.map(root_of),
        },
        by_tiles,
        differing,
        broken_tiles: sealed.broken(),
    }
}

fn differing(rows: &[Hash], leaves: &[Hash], start: u64) -> Option<Range<u64>> {
    let differs = |(row, leaf): (&Hash, &Hash)| row != leaf;
    let first = rows.iter().zip(leaves).position(differs)?;
    let last = rows.iter().zip(leaves).rposition(differs)?;
    Some(start + first as u64..start + last as u64 + 1)
}
