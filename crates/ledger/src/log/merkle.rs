//! The Merkle tree of RFC 6962 (and RFC 9162, section 2.1), as pure functions: hashes, the nodes
//! that a proof needs, and the verification of proofs. SHA-256 throughout.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Longest path in a tree of fewer than 2^64 leaves, with room for the doubled edge of a
/// consistency proof.
pub const MAX_PATH: usize = 65;

/// Hash of a leaf: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> B256 {
    let digest = Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize();
    B256::from_slice(&digest)
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &B256, right: &B256) -> B256 {
    let digest = Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize();
    B256::from_slice(&digest)
}

/// Root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> B256 {
    B256::from_slice(&Sha256::digest([]))
}

/// A complete subtree: the hash over the leaves `[index << level, (index + 1) << level)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    /// Height above the leaves; 0 is a leaf.
    pub level: u8,
    /// Number from the left among the nodes of this height.
    pub index: u64,
}

/// The complete subtrees, from the left, that the leaves `[from, to)` fall into. `from` must be a
/// multiple of the largest of them, as it is for every range of RFC 6962.
fn complete_nodes(mut from: u64, to: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    while from < to {
        let level = (to - from).ilog2();
        nodes.push(Node {
            level: level as u8,
            index: from >> level,
        });
        from += 1 << level;
    }
    nodes
}

/// Hash of a range from the hashes of its complete subtrees, left to right; `None` for none.
pub fn fold(hashes: &[B256]) -> Option<B256> {
    let (last, rest) = hashes.split_last()?;
    Some(
        rest.iter()
            .rev()
            .fold(*last, |right, left| node_hash(left, &right)),
    )
}

/// The complete subtrees whose fold is the root of a tree of `size` leaves.
pub fn root_nodes(size: u64) -> Vec<Node> {
    complete_nodes(0, size)
}

/// Largest power of two below `n`, for `n` of at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// What the inclusion proof of leaf `index` in a tree of `size` consists of: for each element of
/// the path, from the leaf up, the complete subtrees whose fold it is (`PATH`, RFC 6962, 2.1.1).
pub fn inclusion_nodes(index: u64, size: u64) -> Vec<Vec<Node>> {
    debug_assert!(index < size);
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(complete_nodes(middle, to));
            to = middle;
        } else {
            path.push(complete_nodes(from, middle));
            from = middle;
        }
    }
    path.reverse();
    path
}

/// What the consistency proof between the trees of `old` and `new` leaves consists of
/// (`SUBPROOF`, RFC 6962, 2.1.2). Nothing for `old` of 0 or equal to `new`.
pub fn consistency_nodes(old: u64, new: u64) -> Vec<Vec<Node>> {
    debug_assert!(old <= new);
    if old == 0 || old == new {
        return Vec::new();
    }
    let (mut from, mut to) = (0, new);
    let mut path = Vec::new();
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(complete_nodes(middle, to));
            to = middle;
        } else {
            path.push(complete_nodes(from, middle));
            from = middle;
        }
    }
    // The old tree's own root is known to who verifies; a part of it is not.
    if from != 0 {
        path.push(complete_nodes(from, to));
    }
    path.reverse();
    path
}

/// That a leaf is in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Number of the leaf, from 0.
    pub index: u64,
    /// Leaves in the tree.
    pub size: u64,
    /// Hashes beside the path from the leaf to the root, from the leaf up.
    pub path: Vec<B256>,
}

impl InclusionProof {
    /// The root of the tree that has this leaf (RFC 9162, section 2.1.3.2).
    ///
    /// # Errors
    /// [`Error::BadProof`] if the path's length does not fit index and size.
    pub fn root(&self, leaf: &B256) -> Result<B256> {
        let fail = |reason: &str| Error::bad_proof("inclusion proof", reason);
        if self.index >= self.size {
            return Err(fail("the index is beyond the tree"));
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf;
        for beside in &self.path {
            if last == 0 {
                return Err(fail("the path is too long"));
            }
            if node & 1 == 1 || node == last {
                hash = node_hash(beside, &hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, beside);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return Err(fail("the path is too short"));
        }
        Ok(hash)
    }

    /// Checks that the leaf is in the tree with that root.
    ///
    /// # Errors
    /// [`Error::BadProof`] if it is not, or the path does not fit.
    pub fn verify(&self, leaf: &B256, root: &B256) -> Result<()> {
        if self.root(leaf)? == *root {
            Ok(())
        } else {
            Err(Error::bad_proof(
                "inclusion proof",
                "it leads to another root",
            ))
        }
    }
}

/// That a tree is the beginning of another: nothing was changed or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// Leaves in the older tree.
    pub old: u64,
    /// Leaves in the newer tree.
    pub new: u64,
    /// Hashes as RFC 6962, section 2.1.2 orders them.
    pub path: Vec<B256>,
}

impl ConsistencyProof {
    /// Checks that the tree of `new` leaves with `new_root` begins with the tree of `old` leaves
    /// with `old_root` (RFC 9162, section 2.1.4.2). An empty old tree begins every tree.
    ///
    /// # Errors
    /// [`Error::BadProof`] if that is not shown.
    pub fn verify(&self, old_root: &B256, new_root: &B256) -> Result<()> {
        let fail = |reason: &str| Err(Error::bad_proof("consistency proof", reason));
        if self.old > self.new {
            return fail("the old tree is larger than the new one");
        }
        if self.old == 0 || self.old == self.new {
            if !self.path.is_empty() {
                return fail("the path is too long");
            }
            let expected = if self.old == 0 {
                empty_root()
            } else {
                *new_root
            };
            return if *old_root == expected {
                Ok(())
            } else {
                fail("the roots differ")
            };
        }
        let (first, rest) = match (self.old.is_power_of_two(), self.path.split_first()) {
            (true, _) => (*old_root, self.path.as_slice()),
            (false, Some((first, rest))) => (*first, rest),
            (false, None) => return fail("the path is too short"),
        };
        let (mut node, mut last) = (self.old - 1, self.new - 1);
        while node & 1 == 1 {
            node >>= 1;
            last >>= 1;
        }
        let (mut old_hash, mut new_hash) = (first, first);
        for beside in rest {
            if last == 0 {
                return fail("the path is too long");
            }
            if node & 1 == 1 || node == last {
                old_hash = node_hash(beside, &old_hash);
                new_hash = node_hash(beside, &new_hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                new_hash = node_hash(&new_hash, beside);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return fail("the path is too short");
        }
        if old_hash != *old_root {
            return fail("it leads to another old root");
        }
        if new_hash != *new_root {
            return fail("it leads to another new root");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `MTH` of RFC 6962, section 2.1, word for word: slow and without indices to get wrong.
    fn mth(leaves: &[B256]) -> B256 {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    fn leaves(n: u64) -> Vec<B256> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn resolve(leaves: &[B256], nodes: &[Vec<Node>]) -> Vec<B256> {
        let hash = |node: &Node| {
            let from = (node.index << node.level) as usize;
            mth(&leaves[from..from + (1 << node.level)])
        };
        nodes
            .iter()
            .map(|n| fold(&n.iter().map(hash).collect::<Vec<_>>()).unwrap())
            .collect()
    }

    fn inclusion(leaves: &[B256], index: u64) -> InclusionProof {
        let size = leaves.len() as u64;
        InclusionProof {
            index,
            size,
            path: resolve(leaves, &inclusion_nodes(index, size)),
        }
    }

    fn consistency(leaves: &[B256], old: u64) -> ConsistencyProof {
        let new = leaves.len() as u64;
        ConsistencyProof {
            old,
            new,
            path: resolve(leaves, &consistency_nodes(old, new)),
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_verifies_and_no_other() {
        let all = leaves(70);
        for size in 1..=all.len() {
            let tree = &all[..size];
            let root = mth(tree);
            let folded: Vec<Vec<Node>> = vec![root_nodes(size as u64)];
            assert_eq!(resolve(tree, &folded), vec![root]);
            for index in 0..size as u64 {
                let proof = inclusion(tree, index);
                proof.verify(&tree[index as usize], &root).unwrap();
                let other = &all[(index as usize + 1) % all.len()];
                assert!(proof.verify(other, &root).is_err());
            }
            for old in 0..=size as u64 {
                let proof = consistency(tree, old);
                let old_root = mth(&tree[..old as usize]);
                proof.verify(&old_root, &root).unwrap();
                assert!(proof.verify(&leaf_hash(b"other"), &root).is_err());
                if old != 0 {
                    assert!(proof.verify(&old_root, &leaf_hash(b"other")).is_err());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_proof_never_verifies(
            size in 2u64..300, at: prop::sample::Index, old: prop::sample::Index,
            spot: prop::sample::Index, bit in 0usize..256, shift in 1u64..4,
        ) {
            let all = leaves(size);
            let root = mth(&all);
            let index = at.index(size as usize) as u64;
            let leaf = all[index as usize];
            let proof = inclusion(&all, index);
            let mut flipped = proof.clone();
            flipped.path[spot.index(proof.path.len())][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(flipped.verify(&leaf, &root).is_err());
            let mut longer = proof.clone();
            longer.path.push(root);
            prop_assert!(longer.verify(&leaf, &root).is_err());
            let mut shorter = proof.clone();
            shorter.path.pop();
            prop_assert!(shorter.verify(&leaf, &root).is_err());
            let moved = InclusionProof { index: (index + shift) % size, ..proof.clone() };
            if moved.index != index {
                prop_assert!(moved.verify(&leaf, &root).is_err());
            }

            let old = 1 + old.index(size as usize - 1) as u64;
            let old_root = mth(&all[..old as usize]);
            let proof = consistency(&all, old);
            let mut flipped = proof.clone();
            flipped.path[spot.index(proof.path.len())][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(flipped.verify(&old_root, &root).is_err());
            let mut shorter = proof.clone();
            shorter.path.pop();
            prop_assert!(shorter.verify(&old_root, &root).is_err());
        }

        #[test]
        fn any_numbers_are_taken_without_panic(
            index: u64, size: u64, old: u64, new: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let path: Vec<B256> = path.into_iter().map(B256::from).collect();
            let _ = InclusionProof { index, size, path: path.clone() }.root(&B256::ZERO);
            let _ = ConsistencyProof { old, new, path }.verify(&B256::ZERO, &B256::ZERO);
            if size > 0 {
                prop_assert!(inclusion_nodes(index % size, size).len() <= MAX_PATH);
                prop_assert!(consistency_nodes(index % size, size).len() <= MAX_PATH);
            }
        }
    }
}
