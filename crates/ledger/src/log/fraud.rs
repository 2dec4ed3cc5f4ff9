//! Proof that an institution signed two checkpoints that cannot both be true. Anyone can verify
//! it, without the log and without a chain.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::checkpoint::SignedCheckpoint;
use super::merkle::InclusionProof;
use crate::error::{Error, Result};

/// Two signed checkpoints of one log that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FraudProof {
    /// Two roots for one size.
    TwoRoots {
        /// One checkpoint.
        first: SignedCheckpoint,
        /// The other, of the same size.
        second: SignedCheckpoint,
    },
    /// An entry that the older tree has is another one in the newer tree, at the same place: the
    /// log was rewritten between the two.
    Rewritten {
        /// The older checkpoint.
        old: SignedCheckpoint,
        /// The newer checkpoint.
        new: SignedCheckpoint,
        /// Leaf hash in the older tree.
        old_leaf: B256,
        /// That it is there.
        old_proof: InclusionProof,
        /// Leaf hash in the newer tree.
        new_leaf: B256,
        /// That it is there.
        new_proof: InclusionProof,
    },
}

impl FraudProof {
    /// Whether two checkpoints contradict each other by themselves; `None` if they do not. For
    /// different sizes it takes an entry as well: [`FraudProof::Rewritten`].
    pub fn between(first: &SignedCheckpoint, second: &SignedCheckpoint) -> Option<Self> {
        let contradict = first.origin == second.origin
            && first.size == second.size
            && first.root != second.root
            && first.verify().is_ok()
            && second.verify().is_ok();
        contradict.then(|| Self::TwoRoots {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Verifies the proof; returns the institution that signed both.
    ///
    /// # Errors
    /// [`Error::BadProof`] if it shows no fraud; [`Error::WrongSigner`], [`Error::BadSignature`] if
    /// the institution did not sign both.
    pub fn verify(&self) -> Result<Address> {
        let fail = |reason: &str| Err(Error::bad_proof("fraud proof", reason));
        let (first, second) = match self {
            Self::TwoRoots { first, second } => (first, second),
            Self::Rewritten { old, new, .. } => (old, new),
        };
        if first.origin != second.origin {
            return fail("the checkpoints are of two logs");
        }
        first.verify()?;
        second.verify()?;
        match self {
            Self::TwoRoots { .. } if first.size != second.size => {
                return fail("the sizes differ");
            }
            Self::TwoRoots { .. } if first.root == second.root => {
                return fail("the roots are the same");
            }
            Self::TwoRoots { .. } => {}
            Self::Rewritten {
                old_leaf,
                old_proof,
                new_leaf,
                new_proof,
                ..
            } => {
                if old_leaf == new_leaf {
                    return fail("the entry is the same in both");
                }
                if old_proof.index != new_proof.index {
                    return fail("the entries are at two places");
                }
                if old_proof.size != first.size || new_proof.size != second.size {
                    return fail("a proof is for another tree");
                }
                old_proof.verify(old_leaf, &first.root)?;
                new_proof.verify(new_leaf, &second.root)?;
            }
        }
        Ok(first.origin.institution)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::super::merkle::{leaf_hash, node_hash};
    use super::*;
    use acts::WalletKey;

    fn key(byte: u8) -> WalletKey {
        WalletKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn signed(size: u64, root: B256) -> SignedCheckpoint {
        let key = key(7);
        let origin = Origin {
            chain_id: 1,
            contract: Address::repeat_byte(1),
            institution: key.address(),
        };
        SignedCheckpoint::sign(origin, size, root, &key).unwrap()
    }

    #[test]
    fn two_roots_for_one_size_are_fraud() {
        let (one, two) = (
            signed(5, B256::repeat_byte(1)),
            signed(5, B256::repeat_byte(2)),
        );
        let proof = FraudProof::between(&one, &two).unwrap();
        assert_eq!(proof.verify().unwrap(), one.origin.institution);
        let text = serde_json::to_string(&proof).unwrap();
        assert_eq!(serde_json::from_str::<FraudProof>(&text).unwrap(), proof);

        assert_eq!(FraudProof::between(&one, &one), None);
        assert_eq!(
            FraudProof::between(&one, &signed(6, B256::repeat_byte(2))),
            None
        );
    }

    #[test]
    fn nobody_can_be_framed() {
        let (one, two) = (
            signed(5, B256::repeat_byte(1)),
            signed(5, B256::repeat_byte(2)),
        );
        // A checkpoint that the institution did not sign.
        let forged = SignedCheckpoint {
            root: B256::repeat_byte(3),
            ..one.clone()
        };
        assert_eq!(FraudProof::between(&one, &forged), None);
        let proof = FraudProof::TwoRoots {
            first: one.clone(),
            second: forged,
        };
        assert!(matches!(proof.verify(), Err(Error::WrongSigner { .. })));
        // Another log of the same institution, another size, the same root.
        let mut elsewhere = two.clone();
        elsewhere.origin.chain_id = 2;
        for second in [elsewhere, signed(6, two.root), one.clone()] {
            let proof = FraudProof::TwoRoots {
                first: one.clone(),
                second,
            };
            assert!(
                matches!(proof.verify(), Err(Error::BadProof { .. })),
                "{proof:?}"
            );
        }
    }

    #[test]
    fn a_rewritten_entry_is_fraud() {
        let [a, b, c, other] = [b"a", b"b", b"c", b"x"].map(|entry| leaf_hash(entry));
        let old = signed(2, node_hash(&a, &b));
        let honest = signed(3, node_hash(&node_hash(&a, &b), &c));
        let rewritten = signed(3, node_hash(&node_hash(&a, &other), &c));
        let proof = |new: &SignedCheckpoint, new_leaf: B256| FraudProof::Rewritten {
            old: old.clone(),
            new: new.clone(),
            old_leaf: b,
            old_proof: InclusionProof {
                index: 1,
                size: 2,
                path: vec![a],
            },
            new_leaf,
            new_proof: InclusionProof {
                index: 1,
                size: 3,
                path: vec![a, c],
            },
        };
        assert_eq!(
            proof(&rewritten, other).verify().unwrap(),
            old.origin.institution
        );
        // An honest log cannot be shown to be rewritten.
        assert!(proof(&honest, b).verify().is_err(), "the same entry");
        assert!(
            proof(&honest, other).verify().is_err(),
            "an entry that is not there"
        );
        let FraudProof::Rewritten {
            old,
            new,
            old_leaf,
            old_proof,
            ..
        } = proof(&honest, b)
        else {
            unreachable!()
        };
        let moved = FraudProof::Rewritten {
            old,
            new,
            old_leaf,
            old_proof,
            new_leaf: c,
            new_proof: InclusionProof {
                index: 2,
                size: 3,
                path: vec![node_hash(&a, &b)],
            },
        };
        assert!(moved.verify().is_err(), "another place");
    }
}
