//! Signature.

use alloy_primitives::Address;
use alloy_primitives::B256;
use alloy_primitives::Bytes;

use crate::model::document::Document;
use crate::model::error::Error;
use crate::model::error::Result;

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
    if acts::signer_of(digest, signature) == Some(signer) {
        return Ok(());
    }
    if chain.wallet_says_yes(signer, digest, signature).await? {
        return Ok(());
    }
    Err(Error::WrongSignature { what, signer })
}
