//! Signature.

use alloy_primitives::{Address, B256, Bytes};

use crate::model::error::{Error, Result};

/// Check that `signer`'s own key signed `digest`; `ask` answers for contract wallets.
pub(crate) async fn check_signature<C>(
    chain: &C,
    what: &'static str,
    signer: Address,
    digest: B256,
    signature: &Bytes,
) -> Result<()>
where
    C: crate::ports::chain::Chain + ?Sized,
{
    if acts::recover(&digest, signature).ok() == Some(signer) {
        return Ok(());
    }
    if chain.wallet_says_yes(signer, digest, signature).await? {
        return Ok(());
    }
    Err(Error::WrongSignature { what, signer })
}
