//! The tree in the database: tiles of 256 hashes, as <https://c2sp.org/tlog-tiles> defines them.
//!
//! A tile of level `l` holds the hashes of complete subtrees of height `8 · l`; those of level 0 are leaf hashes. The
//! last tile of each level is partial and grows in place, so any smaller tree can be read from the tiles of a larger
//! one. Each tile of level 0 is stored with the names of its events' streams, so that an event that was removed can
//! still be named.
//!
//! The owner of the database may have changed the tiles: what is read here is proven only by the root of a checkpoint
//! signed with a trusted key. A root made from upper tiles proves nothing about the leaves below them.

mod layout;
mod read;

pub(crate) use layout::range_hash;
pub use layout::{Tile, TileId, WIDTH};
pub use read::{
    Tiles, consistency_hashes, holds_both, inclusion_hashes, leaf_hashes, root_at, streams_of_tile,
};
