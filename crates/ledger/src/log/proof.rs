//! Proof that an entry is in a log, as a file: `c2sp.org/tlog-proof`.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use super::checkpoint::{MAX_NOTE, SignedCheckpoint, parse_decimal, parse_hash, print_hash};
use super::merkle::{InclusionProof, MAX_PATH, leaf_hash};
use crate::error::{Error, Result};

/// First line of the file.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry's place in a log, the way from it to the root, and the signed root. Nothing is
/// verified by being there: call [`EntryProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryProof {
    /// Number of the entry, from 0.
    pub index: u64,
    /// Hashes beside the path from the entry to the root.
    pub path: Vec<B256>,
    /// The signed root.
    pub checkpoint: SignedCheckpoint,
}

impl EntryProof {
    /// Checks that the digest is in the tree of the checkpoint and that the institution signed
    /// it. Whether that checkpoint is anchored, or consistent with those that are, is another
    /// question: ask the chain and a [`super::ConsistencyProof`].
    ///
    /// # Errors
    /// [`Error::BadProof`], [`Error::WrongSigner`], [`Error::BadSignature`].
    pub fn verify(&self, digest: &B256) -> Result<()> {
        self.checkpoint.verify()?;
        self.inclusion()
            .verify(&leaf_hash(digest.as_slice()), &self.checkpoint.root)
    }

    /// The path with its numbers.
    pub fn inclusion(&self) -> InclusionProof {
        InclusionProof {
            index: self.index,
            size: self.checkpoint.size,
            path: self.path.clone(),
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\nindex {}\n", self.index);
        for hash in &self.path {
            text.push_str(&print_hash(hash));
            text.push('\n');
        }
        text.push('\n');
        text + &self.checkpoint.to_note()
    }

    /// Reads a file; the checkpoint's signature is verified, the path is not.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::WrongSigner`], [`Error::BadSignature`].
    pub fn from_text(text: &str) -> Result<Self> {
        let fail = |reason: &str| Error::malformed("log proof", reason);
        if text.len() > MAX_NOTE + MAX_PATH * 45 + 4096 {
            return Err(fail("it is too long"));
        }
        let (proof, note) = text
            .split_once("\n\n")
            .ok_or_else(|| fail("no empty line before the checkpoint"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(fail("the first line is not c2sp.org/tlog-proof@v1"));
        }
        // Extra data is not authenticated; we have no use for it.
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal)
            .ok_or_else(|| fail("no line `index NUMBER`"))?;
        let path: Option<Vec<B256>> = lines.map(parse_hash).collect();
        let path = path.ok_or_else(|| fail("a hash is not 32 bytes in base64"))?;
        if path.len() > MAX_PATH {
            return Err(fail("the path is longer than any tree is high"));
        }
        Ok(Self {
            index,
            path,
            checkpoint: SignedCheckpoint::from_note(note)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use proptest::prelude::*;

    use super::super::Origin;
    use super::super::merkle::node_hash;
    use super::*;
    use acts::WalletKey;

    fn sample() -> (B256, EntryProof) {
        let key = WalletKey::from_bytes(&[7; 32]).unwrap();
        let origin = Origin {
            chain_id: 1,
            contract: Address::repeat_byte(1),
            institution: key.address(),
        };
        let digest = B256::repeat_byte(5);
        let beside = leaf_hash(b"beside");
        let root = node_hash(&leaf_hash(digest.as_slice()), &beside);
        let checkpoint = SignedCheckpoint::sign(origin, 2, root, &key).unwrap();
        (
            digest,
            EntryProof {
                index: 0,
                path: vec![beside],
                checkpoint,
            },
        )
    }

    #[test]
    fn files_round_trip_and_verify() {
        let (digest, proof) = sample();
        let text = proof.to_text();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n"));
        let read = EntryProof::from_text(&text).unwrap();
        assert_eq!(read, proof);
        read.verify(&digest).unwrap();
        assert!(read.verify(&B256::repeat_byte(6)).is_err());

        let extra = text.replacen('\n', "\nextra YWdl\n", 1);
        assert_eq!(EntryProof::from_text(&extra).unwrap(), proof);
    }

    #[test]
    fn bad_files_are_refused() {
        let text = sample().1.to_text();
        for (from, to) in [
            ("@v1", "@v2"),
            ("index 0", "index 00"),
            ("index 0", "index -1"),
            ("index 0\n", ""),
            ("index 0\n", "index 0\nAAAA\n"),
            ("\n\n", "\n"),
            ("stele/1/", "stele/2/"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(EntryProof::from_text(&other).is_err(), "{from} -> {to}");
        }
        let hash = print_hash(&B256::ZERO) + "\n";
        let long = text.replacen("index 0\n", &format!("index 0\n{}", hash.repeat(66)), 1);
        assert!(EntryProof::from_text(&long).is_err());
        assert!(EntryProof::from_text(&" ".repeat(1 << 20)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_panic(text in "(c2sp.org/tlog-proof@v1\n)?(index [0-9]{1,25}\n)?.{0,99}") {
            let _ = EntryProof::from_text(&text);
        }
    }
}
