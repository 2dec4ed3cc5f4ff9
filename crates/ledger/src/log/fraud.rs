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
