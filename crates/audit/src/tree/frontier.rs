use super::{Hash, empty_root, fold, node_hash};

/// A growing tree that keeps only what it needs to grow: the complete subtrees that it consists of.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, the largest subtree first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Like carrying a one in addition: each set bit is a subtree as large as the one that is carried.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        fold(self.subtrees.iter().copied()).unwrap_or_else(empty_root)
    }
}
