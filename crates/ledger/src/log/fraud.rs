//! Proof that an institution signed two checkpoints that cannot both be true. Anyone can verify
//! it, without the log and without a chain; as a file it goes from hand to hand
//! (`docs/formats.md`).

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::Log;
use super::checkpoint::SignedCheckpoint;
use super::merkle::{InclusionProof, leaf_hash};
use crate::error::{Error, Result};

/// First field of a fraud proof file.
pub const FRAUD_FORMAT: &str = "stele/fraud-proof/v1";

/// Longest fraud proof file that is read, in bytes: two paths of 64 hashes and two signatures take
/// less than a tenth of it.
pub const MAX_FRAUD_FILE: usize = 128 << 10;

/// A fraud proof as a file holds it.
#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    #[serde(flatten)]
    proof: FraudProof,
}

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

    /// Looks for the entry that two copies of one log have differently: `kept` holds what `old`
    /// was signed over, `shown` what `new` was. `None` if the newer one continues the older one.
    /// Takes some 2 (log₂ n)² hashes for n entries.
    ///
    /// # Errors
    /// [`Error::BadProof`] if a copy does not lead to its checkpoint, or the checkpoints are of two
    /// logs or in the wrong order; [`Error::WrongSigner`], [`Error::BadSignature`] if one is not
    /// the institution's; or a store's failure.
    pub async fn between_logs(
        kept: &Log,
        old: &SignedCheckpoint,
        shown: &Log,
        new: &SignedCheckpoint,
    ) -> Result<Option<Self>> {
        let fail = |reason: &str| Err(Error::bad_proof("fraud proof", reason));
        if old.origin != new.origin {
            return fail("the checkpoints are of two logs");
        }
        if old.size > new.size {
            return fail("the first checkpoint must be the older one");
        }
        old.verify()?;
        new.verify()?;
        for (log, checkpoint) in [(kept, old), (shown, new)] {
            if log.root(checkpoint.size).await? != checkpoint.root {
                return fail("a copy of the log does not lead to its checkpoint");
            }
        }
        if old.size == new.size {
            return Ok(Self::between(old, new));
        }
        let Some(index) = first_difference(kept, shown, old.size).await? else {
            return Ok(None);
        };
        Ok(Some(Self::Rewritten {
            old: old.clone(),
            new: new.clone(),
            old_leaf: leaf_hash(kept.entry(index).await?.digest.as_slice()),
            old_proof: kept.inclusion(index, old.size).await?,
            new_leaf: leaf_hash(shown.entry(index).await?.digest.as_slice()),
            new_proof: shown.inclusion(index, new.size).await?,
        }))
    }

    /// The proof as a file: JSON that holds all that it takes to verify it.
    ///
    /// # Errors
    /// [`Error::BadProof`] and others as [`FraudProof::verify`]: nobody is accused by a file that
    /// proves nothing.
    pub fn to_file(&self) -> Result<String> {
        self.verify()?;
        let file = File {
            format: FRAUD_FORMAT.into(),
            proof: self.clone(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(Error::store)?;
        Ok(text + "\n")
    }

    /// Reads and verifies a file; returns the proof and the institution that it convicts. Which
    /// deployment and institution these are the checkpoints' origin says: that they are those that
    /// you mean is for you to check.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no such file, else as [`FraudProof::verify`].
    pub fn from_file(text: &str) -> Result<(Self, Address)> {
        let fail = |reason: String| Error::malformed("fraud proof file", reason);
        if text.len() > MAX_FRAUD_FILE {
            return Err(fail(format!("it is longer than {MAX_FRAUD_FILE} bytes")));
        }
        let file: File = serde_json::from_str(text).map_err(|e| fail(e.to_string()))?;
        if file.format != FRAUD_FORMAT {
            let found = file.format;
            return Err(fail(format!("its format is {found:?}, not {FRAUD_FORMAT}")));
        }
        let institution = file.proof.verify()?;
        Ok((file.proof, institution))
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

/// Place of the first entry that two logs have differently among their first `size`, found by
/// halving: their trees agree up to there and nowhere beyond.
async fn first_difference(one: &Log, other: &Log, size: u64) -> Result<Option<u64>> {
    if one.root(size).await? == other.root(size).await? {
        return Ok(None);
    }
    // The first `same` entries are the same, the first `differ` are not.
    let (mut same, mut differ) = (0, size);
    while differ - same > 1 {
        let middle = same + (differ - same) / 2;
        if one.root(middle).await? == other.root(middle).await? {
            same = middle;
        } else {
            differ = middle;
        }
    }
    Ok(Some(same))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloy_primitives::{Bytes, keccak256};

    use super::super::merkle::node_hash;
    use super::super::{Entry, MemoryLog, Origin};
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

    async fn log(entries: &[&str]) -> (Log, SignedCheckpoint) {
        let key = key(7);
        let origin = signed(1, B256::ZERO).origin;
        let log = Log::open(Arc::new(MemoryLog::default()), origin)
            .await
            .unwrap();
        for entry in entries {
            let digest = keccak256(entry);
            let payload = Bytes::new();
            log.append(Entry { digest, payload }).await.unwrap();
        }
        let checkpoint = log.checkpoint(&key).await.unwrap();
        (log, checkpoint)
    }

    #[tokio::test]
    async fn a_rewritten_log_is_proven_by_a_file_that_needs_nothing_else() {
        let (kept, old) = log(&["a", "b", "c", "d", "e"]).await;
        let (honest, next) = log(&["a", "b", "c", "d", "e", "f", "g"]).await;
        let none = FraudProof::between_logs(&kept, &old, &honest, &next)
            .await
            .unwrap();
        assert_eq!(none, None, "an honest log cannot be accused");

        let (shown, new) = log(&["a", "b", "x", "d", "e", "f", "g"]).await;
        let proof = FraudProof::between_logs(&kept, &old, &shown, &new)
            .await
            .unwrap()
            .unwrap();
        let FraudProof::Rewritten { old_proof, .. } = &proof else {
            panic!("{proof:?}");
        };
        assert_eq!(old_proof.index, 2);
        let file = proof.to_file().unwrap();
        let (read, institution) = FraudProof::from_file(&file).unwrap();
        assert_eq!((read, institution), (proof, old.origin.institution));

        // Two histories of the same length need no entry.
        let (other, second) = log(&["a", "b", "c", "d", "z"]).await;
        let proof = FraudProof::between_logs(&kept, &old, &other, &second)
            .await
            .unwrap();
        assert!(
            matches!(proof, Some(FraudProof::TwoRoots { .. })),
            "{proof:?}"
        );
        // A copy that is not what was signed proves nothing.
        let error = FraudProof::between_logs(&other, &old, &shown, &new)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::BadProof { .. }), "{error}");
    }

    #[test]
    fn files_that_prove_nothing_are_neither_written_nor_read() {
        let proof = FraudProof::TwoRoots {
            first: signed(5, B256::repeat_byte(1)),
            second: signed(5, B256::repeat_byte(2)),
        };
        let file = proof.to_file().unwrap();
        for (from, to) in [
            ("fraud-proof/v1", "fraud-proof/v2"),
            ("two_roots", "three_roots"),
            (&"02".repeat(32), &"01".repeat(32)),
            ("\"size\": 5", "\"size\": 6"),
            ("\"chain_id\": 1", "\"chain_id\": 2"),
        ] {
            let changed = file.replace(from, to);
            assert_ne!(changed, file, "{from}");
            assert!(FraudProof::from_file(&changed).is_err(), "{from} -> {to}");
        }
        let long = format!("{file}{}", " ".repeat(MAX_FRAUD_FILE));
        assert!(FraudProof::from_file(&long).is_err());
        let nothing = FraudProof::TwoRoots {
            first: signed(5, B256::repeat_byte(1)),
            second: signed(5, B256::repeat_byte(1)),
        };
        assert!(nothing.to_file().is_err());
    }

    /// The committed file is read by other implementations; it must not change by itself.
    #[test]
    fn the_committed_file_convicts() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/vectors/log-fraud-proof.json"
        );
        let (proof, institution) =
            FraudProof::from_file(&std::fs::read_to_string(path).unwrap()).unwrap();
        let expected = FraudProof::between(
            &signed(5, B256::repeat_byte(1)),
            &signed(5, B256::repeat_byte(2)),
        );
        assert_eq!(Some(proof), expected);
        assert_eq!(institution, key(7).address());
    }
}
