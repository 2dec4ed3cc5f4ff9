//! Checking signatures: 65 bytes r ‖ s ‖ v with v 27 or 28 and the lower s (EIP-2), as
//! OpenZeppelin's `SignatureChecker` takes them, so that no act has two signatures of one key.

use alloy_primitives::{Address, B256, Bytes};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

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
    let Some((rs, [v @ (27 | 28)])) = signature.split_at_checked(64) else {
        return Err(Error::BadSignature);
    };
    let rs = Signature::from_slice(rs).map_err(|_| Error::BadSignature)?;
    if rs.normalize_s() != rs {
        return Err(Error::BadSignature);
    }
    let recovery = RecoveryId::new(*v == 28, false);
    let key = VerifyingKey::recover_from_prehash(digest.as_slice(), &rs, recovery)
        .map_err(|_| Error::BadSignature)?;
    // An uncompressed point is 0x04 and the 64 bytes that the address is hashed from.
    let point = key.to_sec1_point(false);
    Ok(Address::from_raw_public_key(&point.as_bytes()[1..]))
}
