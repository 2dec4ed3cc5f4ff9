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
