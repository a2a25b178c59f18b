//! Where in the tiles a node of the tree is.

use std::ops::Range;

use crate::tree::{Hash, Node, fold, root_of, subtrees};

/// Hashes in a full tile.
pub const WIDTH: u64 = 1 << HEIGHT;

/// Levels of the tree in a tile.
const HEIGHT: u8 = 8;

/// A tile's level and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    pub level: u8,
    pub index: u64,
}

/// A tile with its hashes, from left to right: 256, or fewer at the tree's right edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    pub id: TileId,
    pub hashes: Vec<Hash>,
}

impl TileId {
    /// The tile that holds a leaf's hash.
    pub fn of_leaf(index: u64) -> TileId {
        TileId {
            level: 0,
            index: index / WIDTH,
        }
    }

    /// The tile from whose hashes a node's hash can be made, and the range of those hashes.
    pub(crate) fn of_node(node: Node) -> (TileId, Range<usize>) {
        let within = node.level % HEIGHT;
        let first = node.index << within;
        let start = (first % WIDTH) as usize;
        let id = TileId {
            level: node.level / HEIGHT,
            index: first / WIDTH,
        };
        (id, start..start + (1 << within))
    }

    /// The last tile of each level in a tree of that size and how many hashes it has, from level 0 up. If a level's
    /// last tile is full, the next one is returned, with no hashes.
    pub fn right_edge(size: u64) -> impl Iterator<Item = (TileId, usize)> {
        (0..).map_while(move |level: u8| {
            let hashes = size.checked_shr(u32::from(level) * u32::from(HEIGHT))?;
            let index = hashes / WIDTH;
            (hashes > 0).then_some((TileId { level, index }, (hashes % WIDTH) as usize))
        })
    }

    /// The tiles that the ranges' hashes are made from.
    pub fn for_ranges<'r>(
        ranges: impl IntoIterator<Item = &'r Range<u64>>,
    ) -> impl Iterator<Item = TileId> {
        let nodes = ranges.into_iter().cloned().flat_map(subtrees);
        nodes.map(|node| TileId::of_node(node).0)
    }
}

impl Tile {
    /// The hash of the subtree that a full tile covers.
    pub fn root(&self) -> Hash {
        root_of(&self.hashes)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// `None` if the bytes are not whole hashes, or more than 256.
    pub(crate) fn from_bytes(id: TileId, bytes: &[u8]) -> Option<Tile> {
        let (hashes, rest) = bytes.as_chunks();
        let fits = rest.is_empty() && hashes.len() <= WIDTH as usize;
        fits.then(|| Tile {
            id,
            hashes: hashes.to_vec(),
        })
    }
}

/// The hash of a range of leaves, from the hashes of the complete subtrees in it.
pub(crate) fn range_hash<E>(
    range: Range<u64>,
    mut hash_of: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Option<Hash>, E> {
    let hashes: Vec<Hash> = subtrees(range)
        .into_iter()
        .map(&mut hash_of)
        .collect::<Result<_, E>>()?;
    Ok(fold(hashes.into_iter()))
}
