//! The Merkle tree of RFC 6962 (section 2.1): SHA-256, leaves and nodes hashed under different
//! first bytes so that neither passes for the other. The same shape as the institutions' logs.
use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// Hash of a leaf: SHA-256(0x00 ‖ data).
pub fn leaf_hash(data: &[u8]) -> B256 {
    B256::from(<[u8; 32]>::from(
        Sha256::new()
            .chain_update([0])
            .chain_update(data)
            .finalize(),
    ))
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &B256, right: &B256) -> B256 {
    let hash = Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize();
    B256::from(<[u8; 32]>::from(hash))
}

/// Where RFC 6962 splits `n` > 1 leaves: the largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// Root over leaf hashes; of no leaves, SHA-256 of the empty string.
pub fn root(leaves: &[B256]) -> B256 {
    match leaves {
        [] => B256::from(<[u8; 32]>::from(Sha256::digest([]))),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// Inclusion proof of leaf `index`, from the leaf upwards. `None` when there is no such leaf.
pub fn path(leaves: &[B256], index: usize) -> Option<Vec<B256>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if index < left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            index -= left.len();
            leaves = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root that an inclusion proof of `leaf` at `index` in a tree of `size` leaves leads to
/// (RFC 9162, section 2.1.3.2). `None` when the proof has not the length that index and size ask.
pub fn root_from_path(leaf: B256, index: u64, size: u64, path: &[B256]) -> Option<B256> {
    if index >= size {
        return None;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}
