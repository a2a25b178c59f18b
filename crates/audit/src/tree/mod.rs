//! RFC 6962's Merkle tree: what roots, inclusion proofs and consistency proofs are made of.
//!
//! Pure: the hashes that a proof needs are given as ranges of leaves, each to be computed from complete subtrees
//! ([`subtrees`]), wherever those are stored.

mod frontier;
mod verify;

use std::ops::Range;

use aws_lc_rs::digest::{self, SHA256};

pub use frontier::Frontier;
pub use verify::{Unproven, verify_consistency, verify_inclusion};

/// SHA-256.
pub type Hash = [u8; 32];

/// A complete subtree: `1 << level` leaves, beginning with the leaf at `index << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of a leaf with this data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    context.update(&[0]);
    context.update(data);
    to_hash(context.finish())
}

/// The hash of a node from those of its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut preimage = [1; 65];
    preimage[1..33].copy_from_slice(left);
    preimage[33..].copy_from_slice(right);
    sha256(&preimage)
}

/// The root of the tree with these leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The complete subtrees that a range of leaves consists of, from left to right. The range must begin where a subtree
/// as large as itself could begin; all ranges of roots and proofs do.
pub fn subtrees(range: Range<u64>) -> Vec<Node> {
    let Range { mut start, end } = range;
    let mut nodes = Vec::new();
    while start < end {
        let fits = (end - start).ilog2();
        let level = fits.min(start.trailing_zeros());
        nodes.push(Node {
            level: level as u8,
            index: start >> level,
        });
        start += 1 << level;
    }
    nodes
}

/// The hash of a range of leaves from the hashes of its [`subtrees`]; `None` for an empty range.
pub fn fold(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    subtrees
        .rev()
        .reduce(|right, left| node_hash(&left, &right))
}

/// The ranges whose hashes prove that a leaf is in a tree of that size, in the order of RFC 9162 section 2.1.3.1. Empty
/// if the leaf is beyond the tree.
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    if index >= size {
        return Vec::new();
    }
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - start > 1 {
        let middle = split(start, end);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges whose hashes prove that a tree is a continuation of an older one, in the order of RFC 9162 section
/// 2.1.4.1. Empty if there is nothing to prove: the older one is empty or just as large.
pub fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    if old == 0 || old >= new {
        return Vec::new();
    }
    let (mut start, mut end) = (0, new);
    let mut ranges = Vec::new();
    while old != end {
        let middle = split(start, end);
        if old <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    // If the older tree itself is a subtree, the verifier knows its root already.
    if start > 0 {
        ranges.push(start..end);
    }
    ranges.reverse();
    ranges
}

/// Where a tree's left part ends: after the largest power of two that is smaller than the tree's size (at least 2).
fn split(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}

fn sha256(bytes: &[u8]) -> Hash {
    to_hash(digest::digest(&SHA256, bytes))
}

fn to_hash(digest: digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
