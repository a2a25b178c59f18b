//! The growing tree: of the part that is sealed, only the right edge is in memory.

use std::mem;

use daybook_log::Position;
use daybook_log::leaf::LeafChunk;

use super::Refusal;
use crate::tiles::{Tile, TileId, WIDTH, range_hash};
use crate::tree::{Hash, empty_root, root_of};

/// A tree to which leaves are added, with the changes since they were last taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    size: u64,
    /// The last tile of each level, from level 0 up; none of them is full.
    edge: Vec<Vec<Hash>>,
    /// The streams of the events in the last tile of level 0, one on each line.
    streams: String,
    last_leaf: Option<Hash>,
    /// Whether the last sealed event was found unchanged at its position.
    confirmed: bool,
    /// The size when changes were last taken.
    taken: u64,
    changes: Changes,
}

/// Tiles that are new or have grown.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) tiles: Vec<Tile>,
    /// The index of each tile of level 0 and its events' streams.
    pub(super) contents: Vec<(u64, String)>,
}

impl Growth {
    /// The tree of that size, from the last tiles of its levels.
    pub(super) fn resume(
        size: u64,
        edge: Vec<Vec<Hash>>,
        streams: String,
        last_leaf: Option<Hash>,
    ) -> Growth {
        Growth {
            size,
            edge,
            streams,
            last_leaf,
            confirmed: false,
            taken: size,
            changes: Changes::default(),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn root(&self) -> Hash {
        // Each of the complete subtrees that make up the tree is in the last tile of its level.
        let root = range_hash(0..self.size, |node| {
            let (id, hashes) = TileId::of_node(node);
            let tile = self.edge.get(usize::from(id.level));
            tile.and_then(|tile| tile.get(hashes))
                .map(root_of)
                .ok_or(())
        });
        root.ok().flatten().unwrap_or_else(empty_root)
    }

    /// Adds the rows of a chunk, which must be at the very next positions. The first row of all must be the last sealed
    /// event, unchanged.
    pub(super) fn extend(&mut self, chunk: &LeafChunk) -> Result<(), Refusal> {
        let mut scratch = Vec::new();
        for row in chunk.rows() {
            let hash = row.hash(&mut scratch);
            let again = !self.confirmed && self.taken > 0;
            let expected = self.size as Position + Position::from(!again);
            if row.position != expected {
                let found = row.position;
                return Err(Refusal::Gap { expected, found });
            }
            if !again {
                row.push_stream(&mut self.streams);
                self.streams.push('\n');
                self.push(hash);
            } else if self.last_leaf == Some(hash) {
                self.confirmed = true;
            } else {
                let position = row.position;
                return Err(Refusal::Rewritten { position });
            }
        }
        Ok(())
    }

    fn push(&mut self, leaf: Hash) {
        self.size += 1;
        self.last_leaf = Some(leaf);
        let mut hash = leaf;
        for level in 0.. {
            if self.edge.len() == usize::from(level) {
                self.edge.push(Vec::with_capacity(WIDTH as usize));
            }
            let hashes = &mut self.edge[usize::from(level)];
            hashes.push(hash);
            if hashes.len() < WIDTH as usize {
                break;
            }
            let full = mem::replace(hashes, Vec::with_capacity(WIDTH as usize));
            hash = root_of(&full);
            let last = (self.size - 1) >> (u32::from(level) * WIDTH.ilog2());
            self.complete(level, last / WIDTH, full);
        }
    }

    fn complete(&mut self, level: u8, index: u64, hashes: Vec<Hash>) {
        if level == 0 {
            let streams = mem::take(&mut self.streams);
            self.changes.contents.push((index, streams));
        }
        let id = TileId { level, index };
        self.changes.tiles.push(Tile { id, hashes });
    }

    /// The changes since they were last taken.
    pub(super) fn take(&mut self) -> Changes {
        let mut changes = mem::take(&mut self.changes);
        let before: Vec<_> = TileId::right_edge(self.taken).collect();
        for (id, count) in TileId::right_edge(self.size) {
            let level = usize::from(id.level);
            if count == 0 || before.get(level) == Some(&(id, count)) {
                continue;
            }
            let hashes = self.edge.get(level).cloned().unwrap_or_default();
            changes.tiles.push(Tile { id, hashes });
            if id.level == 0 {
                changes.contents.push((id.index, self.streams.clone()));
            }
        }
        self.taken = self.size;
        self.confirmed = false;
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::tree::{leaf_hash, root_of};

    /// Whatever the batches are, the tiles that were taken make up the tree.
    #[test]
    fn tiles_taken_in_any_batches_make_up_the_tree() {
        let leaves: Vec<Hash> = (0..66_100_u32)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let mut growth = Growth::default();
        let mut stored: HashMap<TileId, Vec<Hash>> = HashMap::new();
        let mut begin = 0;
        for batch in [1, 1, 253, 1, 1, 255, 256, 257, 64_000, 511, 500] {
            for leaf in &leaves[begin..begin + batch] {
                growth.push(*leaf);
            }
            begin += batch;
            for tile in growth.take().tiles {
                stored.insert(tile.id, tile.hashes);
            }
            assert_eq!(growth.root(), root_of(&leaves[..begin]), "at {begin}");
            for (level, width) in [(0, 1), (1, 256), (2, 65_536)] {
                let expected: Vec<Hash> =
                    leaves[..begin].chunks_exact(width).map(root_of).collect();
                let found: Vec<Hash> = (0..)
                    .map_while(|index| stored.get(&TileId { level, index }))
                    .flatten()
                    .copied()
                    .collect();
                assert_eq!(found, expected, "level {level} at {begin}");
            }
        }
        assert!(growth.take().tiles.is_empty());
    }
}
