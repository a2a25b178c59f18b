//! Whether what was read leads to the roots that were signed.
//!
//! The leaves are known from two sources, the tiles and the rows. For each chunk one of the two is used, so that the
//! whole leads to the signed root, if that is possible: then those are the leaves that were sealed, and whatever
//! differs from them was changed since.

use std::ops::Range;

use sqlx::PgConnection;

use super::VerifyError;
use super::anchor::{Anchor, between};
use super::chunk::{CHUNK, Checked, Sealed, leaves_of, row_hashes};
use crate::key::VerifierKey;
use crate::tiles::{TileId, Tiles, WIDTH};
use crate::tree::{Hash, empty_root, root_of};

/// The source from which a chunk's leaves are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Tiles,
    Rows,
}

pub(super) struct Leaves {
    pub(super) size: u64,
    pub(super) chunks: Vec<Checked>,
    sources: Vec<Source>,
}

impl Leaves {
    /// The leaves of a tree of that size, according to the tiles.
    pub(super) fn new(size: u64, chunks: Vec<Checked>) -> Leaves {
        let sources = vec![Source::Tiles; chunks.len()];
        Leaves {
            size,
            chunks,
            sources,
        }
    }

    pub(super) fn source(&self, chunk: u64) -> Source {
        self.sources[chunk as usize]
    }

    /// Chooses sources with which the leaves lead to that root. Returns false if there are none; the tiles are then the
    /// source of all.
    pub(super) async fn lead_to(
        &mut self,
        connection: &mut PgConnection,
        root: &Hash,
    ) -> Result<bool, VerifyError> {
        if self.is_root(root) {
            return Ok(true);
        }
        if self.chunks.iter().all(|chunk| !chunk.is_dirty) {
            return Ok(false);
        }
        self.sources.fill(Source::Rows);
        if self.is_root(root) {
            return Ok(true);
        }
        let above = stored(connection, 2, self.size / CHUNK)
            .await?
            .unwrap_or_default();
        let sources = self.chunks.iter().map(|chunk| {
            let told = above.get(chunk.index as usize);
            match chunk.by_rows.as_ref() {
                Some(rows) if Some(rows) == told => Source::Rows,
                _ => Source::Tiles,
            }
        });
        self.sources = sources.collect();
        if self.is_root(root) {
            return Ok(true);
        }
        self.sources.fill(Source::Tiles);
        Ok(false)
    }

    fn is_root(&self, root: &Hash) -> bool {
        let chunks: Option<Vec<Hash>> =
            (0..self.chunks.len()).map(|n| self.chunk_root(n)).collect();
        // Chunks are complete subtrees, so the tree over them is the upper part of the tree over all leaves.
        chunks.is_some_and(|chunks| root_of(&chunks) == *root)
    }

    /// The hashes of the chunks that are complete subtrees, as far as they are known.
    pub(super) fn whole_chunks(&self) -> Vec<Hash> {
        let whole = (self.size / CHUNK) as usize;
        (0..whole)
            .map_while(|chunk| self.chunk_root(chunk))
            .collect()
    }

    fn chunk_root(&self, chunk: usize) -> Option<Hash> {
        let Checked {
            by_tiles, by_rows, ..
        } = &self.chunks[chunk];
        match self.sources[chunk] {
            Source::Tiles => by_tiles.or(*by_rows),
            Source::Rows => by_rows.or(*by_tiles),
        }
    }

    /// The root of a tree that is not greater; `None` if neither tiles nor rows show it.
    pub(super) async fn root_at(
        &self,
        connection: &mut PgConnection,
        size: u64,
    ) -> Result<Option<Hash>, VerifyError> {
        let whole = size / CHUNK;
        let roots: Option<Vec<Hash>> = (0..whole as usize).map(|n| self.chunk_root(n)).collect();
        let Some(mut roots) = roots else {
            return Ok(None);
        };
        if !size.is_multiple_of(CHUNK) {
            match self.load(connection, leaves_of(whole, size)).await? {
                Some(leaves) => roots.push(root_of(&leaves)),
                None => return Ok(None),
            }
        }
        Ok(Some(match roots.is_empty() {
            true => empty_root(),
            false => root_of(&roots),
        }))
    }

    /// Leaves within a chunk; the range must begin where a tile begins.
    async fn load(
        &self,
        connection: &mut PgConnection,
        leaves: Range<u64>,
    ) -> Result<Option<Vec<Hash>>, VerifyError> {
        if leaves.is_empty() {
            return Ok(Some(Vec::new()));
        }
        if self.source(leaves.start / CHUNK) == Source::Rows {
            return row_hashes(connection, leaves).await;
        }
        let sealed = Sealed::load(connection, leaves.clone()).await?;
        if let Some(filled) = sealed.filled(None) {
            return Ok(Some(filled));
        }
        let rows = row_hashes(connection, leaves).await?;
        Ok(sealed.filled(rows.as_deref()))
    }

    /// Which leaves are not those that led to the root of `wrong`: narrowed down as far as checkpoints and upper tiles
    /// allow.
    pub(super) async fn rewritten(
        &self,
        connection: &mut PgConnection,
        trusted: &[VerifierKey],
        anchors: &[Anchor],
        wrong: &Anchor,
    ) -> Result<Vec<Range<u64>>, VerifyError> {
        let (mut agreed, mut disagreed) = (0, wrong.size);
        for anchor in anchors.iter().filter(|anchor| anchor.size < wrong.size) {
            match self.root_at(connection, anchor.size).await? == Some(anchor.root) {
                true => agreed = agreed.max(anchor.size),
                false => disagreed = disagreed.min(anchor.size),
            }
        }
        while agreed < disagreed
            && let Some(anchor) = between(connection, trusted, agreed, disagreed).await?
        {
            match self.root_at(connection, anchor.size).await? == Some(anchor.root) {
                true => agreed = anchor.size,
                false => disagreed = anchor.size,
            }
        }
        if wrong.size == self.size
            && let Some(tiles) = self
                .unlike_upper_tiles(connection, agreed, &wrong.root)
                .await?
        {
            return Ok(tiles);
        }
        let between = agreed.min(disagreed)..disagreed;
        Ok(vec![between])
    }

    /// The leaves that do not lead to the upper tiles, if those upper tiles lead to the root; `None` if no level of
    /// them leads there.
    async fn unlike_upper_tiles(
        &self,
        connection: &mut PgConnection,
        agreed: u64,
        root: &Hash,
    ) -> Result<Option<Vec<Range<u64>>>, VerifyError> {
        for (level, width) in [(1, WIDTH), (2, CHUNK)] {
            let whole = self.size / width;
            let rest = self.load(connection, whole * width..self.size).await?;
            let above = stored(connection, level, whole).await?;
            let (Some(above), Some(rest)) = (above, rest) else {
                continue;
            };
            let mut upper = above.clone();
            upper.extend((!rest.is_empty()).then(|| root_of(&rest)));
            if root_of(&upper) == *root {
                return Ok(Some(self.unlike(connection, agreed, &above, width).await?));
            }
        }
        Ok(None)
    }

    /// The subtrees of that width, after the leaves that are agreed on, whose hash is different.
    async fn unlike(
        &self,
        connection: &mut PgConnection,
        agreed: u64,
        hashes: &[Hash],
        width: u64,
    ) -> Result<Vec<Range<u64>>, VerifyError> {
        let mut unlike: Vec<Range<u64>> = Vec::new();
        for (start, expected) in (0..).step_by(width as usize).zip(hashes) {
            let leaves = start..start + width;
            if leaves.end <= agreed {
                continue;
            }
            let found = self.load(connection, leaves.clone()).await?;
            if found.is_some_and(|found| root_of(&found) == *expected) {
                continue;
            }
            match unlike.last_mut() {
                Some(last) if last.end == leaves.start => last.end = leaves.end,
                _ => unlike.push(leaves.start.max(agreed)..leaves.end),
            }
        }
        Ok(unlike)
    }
}

/// The first hashes of an upper level, according to the tiles; `None` if one is missing.
pub(super) async fn stored(
    connection: &mut PgConnection,
    level: u8,
    count: u64,
) -> Result<Option<Vec<Hash>>, VerifyError> {
    let id = |index| TileId { level, index };
    let indexes = 0..count.div_ceil(WIDTH);
    let tiles = Tiles::load(connection, indexes.clone().map(id)).await?;
    let mut hashes = Vec::with_capacity(count as usize);
    for index in indexes {
        let needed = (count - index * WIDTH).min(WIDTH) as usize;
        match tiles
            .get(id(index))
            .and_then(|tile| tile.hashes.get(..needed))
        {
            Some(found) => hashes.extend_from_slice(found),
            None => return Ok(None),
        }
    }
    Ok(Some(hashes))
}
