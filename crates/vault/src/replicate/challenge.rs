//! Random challenges: a holder proves that it has a block's bytes by hashing a range of them with
//! a nonce that nobody could know before.

use cid::Cid;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};

use super::{decode, encode};
use crate::sign::{Signer, Verifier};
use crate::{Error, Result};

/// Most probes of one challenge.
pub const MAX_PROBES: usize = 256;
/// Longest encoded challenge, in bytes.
pub const MAX_CHALLENGE: usize = 64 * 1024;

const WHAT: &str = "challenge";
const ANSWER_DOMAIN: &[u8] = b"stele-vault answer v1\n";
const PROOF_DOMAIN: &[u8] = b"stele-vault proof v1\n";

/// One range of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The block.
    pub cid: Cid,
    /// First byte.
    pub offset: u64,
    /// Number of bytes; cut at the block's end.
    pub len: u64,
}

/// What the home node asks a holder to prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Random; part of every hash.
    pub nonce: ByteArray<32>,
    /// What to prove.
    pub probes: Vec<Probe>,
}

/// The answer to one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The hash of the range with the nonce.
    Held(ByteArray<32>),
    /// The holder does not have the block.
    Missing,
    /// The holder had it, but its bytes have changed.
    Damaged,
}

/// A holder's signed answers, in the order of the probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When, in unix seconds by the holder's clock.
    pub at: u64,
    /// The `keyid` of whoever signed.
    pub holder: String,
    /// The challenge's nonce.
    pub nonce: ByteArray<32>,
    /// One for each probe.
    pub proofs: Vec<Proof>,
    /// Over `stele-vault answer v1\n` and the DAG-CBOR of the other fields.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

impl Challenge {
    /// DAG-CBOR.
    ///
    /// # Errors
    /// [`Error::Malformed`], if a CID cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        encode(WHAT, self)
    }

    /// Reads DAG-CBOR.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`] over [`MAX_PROBES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let challenge: Self = decode(WHAT, bytes)?;
        if challenge.probes.len() > MAX_PROBES {
            return Err(Error::Limit {
                what: "probes of a challenge",
                limit: MAX_PROBES as u64,
            });
        }
        Ok(challenge)
    }
}

impl Probe {
    /// The proof for this probe by whoever has the block's bytes.
    #[must_use]
    pub fn prove(&self, nonce: &ByteArray<32>, block: &[u8]) -> Proof {
        let len = block.len() as u64;
        let start = self.offset.min(len);
        let end = self.offset.saturating_add(self.len).min(len);
        let mut hash = Sha256::new();
        hash.update(PROOF_DOMAIN);
        hash.update(nonce.as_slice());
        hash.update(self.cid.to_bytes());
        hash.update(self.offset.to_be_bytes());
        hash.update(self.len.to_be_bytes());
        // Both ends lie within the block.
        hash.update(&block[start as usize..end as usize]);
        Proof::Held(ByteArray::new(hash.finalize().into()))
    }
}

impl Answer {
    /// Signs answers.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn signed(
        challenge: &Challenge,
        proofs: Vec<Proof>,
        at: u64,
        signer: &dyn Signer,
    ) -> Result<Self> {
        let (holder, nonce) = (signer.key_id(), challenge.nonce);
        let mut answer = Self {
            at,
            holder,
            nonce,
            proofs,
            signature: Vec::new(),
        };
        answer.signature = signer.sign(&answer.message()?).map_err(Error::Signing)?;
        Ok(answer)
    }

    fn message(&self) -> Result<Vec<u8>> {
        let unsigned = Self {
            signature: Vec::new(),
            ..self.clone()
        };
        Ok([ANSWER_DOMAIN, &encode(WHAT, &unsigned)?].concat())
    }

    /// Checks that `holder` signed one proof for each probe of `challenge`.
    ///
    /// # Errors
    /// [`Error::FalseStatement`].
    pub async fn check(
        &self,
        challenge: &Challenge,
        holder: &str,
        verifier: &dyn Verifier,
    ) -> Result<()> {
        let false_statement = |why: String| Error::FalseStatement {
            peer: holder.to_owned(),
            why,
        };
        let fits = self.nonce == challenge.nonce && self.proofs.len() == challenge.probes.len();
        if !fits || self.holder != holder {
            return Err(false_statement(
                "its answer is for another challenge".into(),
            ));
        }
        let checked = verifier
            .verify(holder, &self.message()?, &self.signature)
            .await;
        checked.map_err(|why| false_statement(format!("its answer to a challenge: {why}")))
    }

    /// DAG-CBOR.
    ///
    /// # Errors
    /// [`Error::Malformed`]; does not happen for answers made by [`Answer::signed`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        encode(WHAT, self)
    }

    /// Reads DAG-CBOR. Checks no signature.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(WHAT, bytes)
    }
}
