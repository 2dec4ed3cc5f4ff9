//! Signed statements of holders: that they store a DAG, or that they deleted it.

use cid::Cid;
use serde::{Deserialize, Serialize};

use super::{decode, encode};
use crate::sign::{Signer, Verifier};
use crate::{Error, Result};

const WHAT: &str = "receipt";
/// What the signed message starts with, so that no other signature can be taken for one.
const DOMAIN: &[u8] = b"stele-vault receipt v1\n";

/// What a receipt states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// All blocks under the root are stored durably and pinned.
    Stored,
    /// The root is unpinned and collected: none of its blocks that nothing else needs is kept.
    Deleted,
}

/// A holder's signed statement about one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Stored or deleted.
    pub act: Act,
    /// When, in unix seconds by the holder's clock.
    pub at: u64,
    /// Distinct blocks under the root.
    pub blocks: u64,
    /// The `keyid` of whoever signed.
    pub holder: String,
    /// The `keyid` for whom the replica is or was kept.
    pub owner: String,
    /// The root.
    pub root: Cid,
    /// Over `stele-vault receipt v1\n` and the DAG-CBOR of the other fields.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

impl Receipt {
    /// Signs a statement.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn signed(
        act: Act,
        root: Cid,
        blocks: u64,
        owner: &str,
        at: u64,
        signer: &dyn Signer,
    ) -> Result<Self> {
        let (holder, owner) = (signer.key_id(), owner.to_owned());
        let mut receipt = Self {
            act,
            at,
            blocks,
            holder,
            owner,
            root,
            signature: Vec::new(),
        };
        receipt.signature = signer.sign(&receipt.message()?).map_err(Error::Signing)?;
        Ok(receipt)
    }

    fn message(&self) -> Result<Vec<u8>> {
        let unsigned = Self {
            signature: Vec::new(),
            ..self.clone()
        };
        Ok([DOMAIN, &encode(WHAT, &unsigned)?].concat())
    }

    /// Checks the signature and that the statement is `act` on `root` for `owner` by `holder`.
    ///
    /// # Errors
    /// [`Error::FalseStatement`].
    pub async fn check(
        &self,
        act: Act,
        root: &Cid,
        owner: &str,
        holder: &str,
        verifier: &dyn Verifier,
    ) -> Result<()> {
        let false_statement = |why: String| Error::FalseStatement {
            peer: holder.to_owned(),
            why,
        };
        if (
            self.act,
            &self.root,
            self.owner.as_str(),
            self.holder.as_str(),
        ) != (act, root, owner, holder)
        {
            return Err(false_statement(format!(
                "its receipt is for something else: {self:?}"
            )));
        }
        let checked = verifier
            .verify(holder, &self.message()?, &self.signature)
            .await;
        checked.map_err(|why| false_statement(format!("its receipt for {root}: {why}")))
    }

    /// DAG-CBOR.
    ///
    /// # Errors
    /// [`Error::Malformed`], if the CID cannot be encoded.
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
