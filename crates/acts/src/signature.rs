//! Checking signatures: 65 bytes r ‖ s ‖ v with v 27 or 28 and the lower s (EIP-2), as
//! OpenZeppelin's `SignatureChecker` takes them, so that no act has two signatures of one key.

use alloy_primitives::{Address, B256, Bytes, Signature};

use crate::error::{Error, Result};

/// Most bytes of a signature: 65 for ECDSA, more for ERC-1271 wallets.
pub const SIGNATURE_BYTES: usize = 4096;

/// A question for a contract wallet: `isValidSignature(digest, signature)` of ERC-1271.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
            Self::AskWallet(question) => Err(Error::WrongSignature {
                what: question.what,
                signer: question.wallet,
            }),
        }
    }
}

/// Checks `signature` of `signer` over `digest`.
///
/// # Errors
/// [`Error::SignatureTooLong`] when the signature is longer than any wallet's.
pub fn check(
    what: &'static str,
    signer: Address,
    digest: B256,
    signature: &Bytes,
) -> Result<Signed> {
    if signature.len() > SIGNATURE_BYTES {
        return Err(Error::SignatureTooLong(signature.len()));
    }
    if recover(&digest, signature) == Ok(signer) {
        return Ok(Signed::ByKey);
    }
    Ok(Signed::AskWallet(WalletQuestion {
        what,
        wallet: signer,
        digest,
        signature: signature.clone(),
    }))
}

/// Which key signed a 32-byte digest.
///
/// # Errors
/// [`Error::BadSignature`] if it is not in the one form that the contracts take, or of no key.
pub fn recover(digest: &B256, signature: &[u8]) -> Result<Address> {
    if signature.len() != 65 || !matches!(signature[64], 27 | 28) {
        return Err(Error::BadSignature);
    }
    let signature = Signature::from_raw(signature).map_err(|_| Error::BadSignature)?;
    if signature.normalize_s().is_some() {
        return Err(Error::BadSignature);
    }
    signature
        .recover_address_from_prehash(digest)
        .map_err(|_| Error::BadSignature)
}
