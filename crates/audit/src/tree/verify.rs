//! Verifying a proof: from hashes to a root that somebody has signed.

use super::{Hash, empty_root, node_hash};

/// Why hashes do not prove what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the tree is too small for what is to be proven")]
    BeyondTree,
    #[error("the proof has more or fewer hashes than such a tree needs")]
    WrongLength,
    #[error("the hashes do not lead to the root")]
    OtherRoot,
}

/// Checks that the leaf is at that index in the tree, as RFC 9162 section 2.1.3.2 describes.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Unproven> {
    if index >= size {
        return Err(Unproven::BeyondTree);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(Unproven::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right sibling is the same as the one above it.
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(Unproven::WrongLength);
    }
    demand(hash == *root)
}

/// Checks that the newer tree begins with all of the older one, as RFC 9162 section 2.1.4.2 describes. Every tree is a
/// continuation of the empty one and of itself, by a proof without hashes.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Unproven> {
    if old > new {
        return Err(Unproven::BeyondTree);
    }
    if old == 0 || old == new {
        return match proof {
            [] if old == new => demand(old_root == new_root),
            [] => demand(*old_root == empty_root()),
            _ => Err(Unproven::WrongLength),
        };
    }
    // If the older tree is one complete subtree, the proof begins with its root, which is left out.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some(split) => split,
        None => return Err(Unproven::WrongLength),
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(Unproven::WrongLength);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(Unproven::WrongLength);
    }
    demand(old_hash == *old_root && new_hash == *new_root)
}

fn demand(same: bool) -> Result<(), Unproven> {
    if same {
        Ok(())
    } else {
        Err(Unproven::OtherRoot)
    }
}
