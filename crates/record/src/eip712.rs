//! EIP-712 statements that people sign about records, keys and indexes.
//!
//! The domain (name "Stele", version "1", chain id, contract) and the types are those of
//! contracts/eip712.json. A signature is checked against the signer's key here; a signer that is
//! a contract wallet (ERC-1271) can only be asked on chain, so the caller gets the question.
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

use crate::error::{Error, Result, at_most};
use crate::limits;

#[allow(missing_docs)]
mod types {
    alloy_sol_types::sol! {
        /// What the author of a record version signs.
        #[derive(Debug)]
        struct AuthorStatement {
            bytes32 root;
            bytes32 previous;
            bytes32 patient;
            address author;
            address institution;
            uint64 version;
            uint64 createdAt;
        }
        /// Binds a public sealing key to a wallet.
        #[derive(Debug)]
        struct KeyStatement {
            address wallet;
            bytes sealingPublic;
            uint64 issuedAt;
        }
        /// What a patient signs about a sealed version of the patient's index.
        #[derive(Debug)]
        struct IndexStatement {
            address owner;
            uint64 version;
            bytes32 previous;
            bytes32 merged;
            bytes32 digest;
        }
    }
}
pub use types::{AuthorStatement, IndexStatement, KeyStatement as KeyStatementType};

/// The chain and the contract that a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// `verifyingContract`: Records for author and index statements, Registry for key statements.
    pub contract: Address,
}

impl Domain {
    /// The EIP-712 domain.
    pub fn eip712(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Stele",
            version: "1",
            chain_id: self.chain_id,
            verifying_contract: self.contract,
        }
    }

    /// The digest that a wallet signs for `statement`.
    pub fn digest(&self, statement: &impl SolStruct) -> B256 {
        statement.eip712_signing_hash(&self.eip712())
    }
}

/// A question for a contract wallet: `isValidSignature(digest, signature)` of ERC-1271.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletQuestion {
    /// What was signed, for messages.
    pub what: &'static str,
    /// The wallet to ask.
    pub wallet: Address,
    /// The EIP-712 digest.
    pub digest: B256,
    /// The signature as it was given.
    pub signature: Bytes,
}

/// Outcome of checking a signature without a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a signature may still have to be checked on chain"]
pub enum Signed {
    /// The signer's own key signed.
    ByKey,
    /// It did not; only if the signer is a contract wallet that says yes is the signature good.
    AskWallet(WalletQuestion),
}

impl Signed {
    /// Accepts only a signature by the signer's own key.
    ///
    /// # Errors
    /// [`Error::WrongSignature`] when the key did not sign.
    pub fn by_key(self) -> Result<()> {
        match self {
            Self::ByKey => Ok(()),
            Self::AskWallet(q) => Err(Error::WrongSignature {
                what: q.what,
                signer: q.wallet,
            }),
        }
    }
}

/// Checks `signature` of `signer` over `digest`: 65 bytes r ‖ s ‖ v with v 27 or 28 and the lower
/// s (EIP-2), as OpenZeppelin's `SignatureChecker` accepts.
///
/// # Errors
/// [`Error::TooLarge`] when the signature is longer than any wallet's.
pub fn check(
    what: &'static str,
    signer: Address,
    digest: B256,
    signature: &Bytes,
) -> Result<Signed> {
    at_most("signature", signature.len(), limits::SIGNATURE_BYTES)?;
    if recover(&digest, signature) == Some(signer) {
        return Ok(Signed::ByKey);
    }
    let question = WalletQuestion {
        what,
        wallet: signer,
        digest,
        signature: signature.clone(),
    };
    Ok(Signed::AskWallet(question))
}

fn recover(digest: &B256, signature: &[u8]) -> Option<Address> {
    if !matches!(signature.get(64), Some(27 | 28)) {
        return None;
    }
    let (rs, v) = signature.split_at(64);
    let rs = Signature::from_slice(rs).ok()?;
    if v.len() != 1 || rs.normalize_s() != rs {
        return None;
    }
    let recovery = RecoveryId::new(v == [28], false);
    let key = VerifyingKey::recover_from_prehash(digest.as_slice(), &rs, recovery).ok()?;
    // An uncompressed point is 0x04 and the two coordinates.
    let point = key.to_sec1_point(false);
    Some(Address::from_raw_public_key(&point.as_bytes()[1..]))
}
