//! Roots and proofs of trees of many sizes.

use std::ops::Range;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use daybook_audit::Hash;
use daybook_audit::tree::{
    Frontier, Unproven, consistency_ranges, inclusion_ranges, leaf_hash, root_of,
    verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::{HashReader, check_record, check_tree, prove_record, prove_tree, stored_hashes};

/// Hashes as tlog_tiles stores them, and the same tree as ct-merkle holds it.
struct Theirs {
    stored: Vec<tlog_tiles::Hash>,
    tree: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes
            .iter()
            .map(|index| self.stored[*index as usize])
            .collect())
    }
}

fn data(index: u64) -> Vec<u8> {
    format!("event {index}").into_bytes()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&data(index))).collect()
}

fn theirs(size: u64) -> Theirs {
    let mut theirs = Theirs {
        stored: Vec::new(),
        tree: MemoryBackedTree::new(),
    };
    for index in 0..size {
        theirs
            .stored
            .extend(stored_hashes(index, &data(index), &theirs).unwrap());
        theirs.tree.push(data(index));
    }
    theirs
}

/// Our proof: the hashes of the ranges, each computed from the leaves.
fn hashes(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
    ranges
        .into_iter()
        .map(|range| root_of(&leaves[range.start as usize..range.end as usize]))
        .collect()
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| hash.0).collect()
}

fn foreign(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().copied().map(tlog_tiles::Hash).collect()
}

fn digests(hashes: &[Hash]) -> Vec<sha2::digest::Output<Sha256>> {
    hashes.iter().map(|hash| (*hash).into()).collect()
}

#[test]
fn roots_agree_at_every_size() {
    let leaves = leaves(600);
    let mut frontier = Frontier::default();
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for (index, leaf) in leaves.iter().enumerate() {
        frontier.push(*leaf);
        tree.push(data(index as u64));
        assert_eq!(
            frontier.root().as_slice(),
            tree.root().as_bytes().as_slice()
        );
        assert_eq!(frontier.size(), tree.len());
    }
}

#[test]
fn inclusion_proofs_are_the_same_for_every_leaf() {
    for size in (1..=40).chain([64, 65, 127, 200, 255, 256, 257]) {
        let (leaves, theirs) = (leaves(size), theirs(size));
        let root = root_of(&leaves);
        for index in 0..size {
            let proof = hashes(&leaves, inclusion_ranges(index, size));
            let leaf = leaves[index as usize];

            assert_eq!(ours(&prove_record(size, index, &theirs).unwrap()), proof);
            let (tree, hash) = (tlog_tiles::Hash(root), tlog_tiles::Hash(leaf));
            check_record(&foreign(&proof), size, tree, index, hash).unwrap();

            let ct = InclusionProof::<Sha256>::from_digests(&digests(&proof));
            assert_eq!(
                theirs.tree.prove_inclusion(index as usize).as_bytes(),
                ct.as_bytes()
            );
            RootHash::<Sha256>::new(root.into(), size)
                .verify_inclusion(&data(index), index, &ct)
                .unwrap();

            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
        }
    }
}

#[test]
fn consistency_proofs_are_the_same_for_every_pair_of_sizes() {
    let theirs = theirs(70);
    let leaves = leaves(70);
    for new in 1..=70 {
        let new_root = root_of(&leaves[..new as usize]);
        for old in 1..=new {
            let old_root = root_of(&leaves[..old as usize]);
            let proof = hashes(&leaves, consistency_ranges(old, new));

            assert_eq!(ours(&prove_tree(new, old, &theirs).unwrap()), proof);
            let (to, from) = (tlog_tiles::Hash(new_root), tlog_tiles::Hash(old_root));
            check_tree(&foreign(&proof), new, to, old, from).unwrap();

            if old < new {
                let ct = ConsistencyProof::<Sha256>::from_digests(&digests(&proof));
                RootHash::<Sha256>::new(new_root.into(), new)
                    .verify_consistency(&RootHash::new(old_root.into(), old), &ct)
                    .unwrap();
            }
            let verified = verify_consistency(old, &old_root, new, &new_root, &proof);
            assert_eq!(verified, Ok(()), "from {old} to {new}");
        }
    }
}

#[test]
fn every_tree_continues_the_empty_one_and_itself() {
    let leaves = leaves(5);
    let (empty, root) = (root_of(&[]), root_of(&leaves));
    assert_eq!(verify_consistency(0, &empty, 5, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(5, &root, 5, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &root, 5, &root, &[]),
        Err(Unproven::OtherRoot)
    );
    assert_eq!(
        verify_consistency(5, &empty, 5, &root, &[]),
        Err(Unproven::OtherRoot)
    );
    assert_eq!(
        verify_consistency(6, &root, 5, &root, &[]),
        Err(Unproven::BeyondTree)
    );
    assert_eq!(
        verify_consistency(5, &root, 5, &root, &[empty]),
        Err(Unproven::WrongLength)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One changed bit, one hash more or less, another leaf or index: each makes the proof fail. Another size may lead
    /// to the same root by the same hashes: a checkpoint signs both.
    #[test]
    fn a_spoilt_inclusion_proof_does_not_hold(
        size in 1_u64..400, at in any::<prop::sample::Index>(), bit in 0_usize..256, spoil in 0_u8..5,
    ) {
        let leaves = leaves(size);
        let index = at.index(size as usize) as u64;
        let root = root_of(&leaves);
        let mut proof = hashes(&leaves, inclusion_ranges(index, size));
        let mut leaf = leaves[index as usize];
        let mut index = index;
        match spoil {
            0 => leaf[bit / 8] ^= 1 << (bit % 8),
            1 if !proof.is_empty() => {
                let hash = at.index(proof.len());
                proof[hash][bit / 8] ^= 1 << (bit % 8);
            }
            2 if !proof.is_empty() => drop(proof.remove(at.index(proof.len()))),
            3 => index = if index == 0 { size } else { index - 1 },
            _ => proof.insert(at.index(proof.len() + 1), root),
        }
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root).is_err());
    }

    #[test]
    fn a_spoilt_consistency_proof_does_not_hold(
        new in 2_u64..400, at in any::<prop::sample::Index>(), bit in 0_usize..256, spoil in 0_u8..5,
    ) {
        let leaves = leaves(new);
        let old = 1 + at.index(new as usize - 1) as u64;
        let (mut old_root, mut new_root) = (root_of(&leaves[..old as usize]), root_of(&leaves));
        let mut proof = hashes(&leaves, consistency_ranges(old, new));
        prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
        match spoil {
            0 => old_root[bit / 8] ^= 1 << (bit % 8),
            1 => new_root[bit / 8] ^= 1 << (bit % 8),
            2 => {
                let hash = at.index(proof.len());
                proof[hash][bit / 8] ^= 1 << (bit % 8);
            }
            3 => drop(proof.remove(at.index(proof.len()))),
            _ => proof.push(new_root),
        }
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &proof).is_err());
    }
}
