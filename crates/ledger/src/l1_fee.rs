//! The L1 data fee: what a rollup charges on top for posting a transaction's bytes to its L1.
//!
//! Chains of the OP Stack carry an oracle for it at a fixed address (GasPriceOracle,
//! <https://specs.optimism.io/protocol/predeploys.html#gaspriceoracle>); on the main network and on
//! rollups that count the bytes as gas (Arbitrum) nothing stands there and nothing is added.

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::{SolCall, sol};
use sha2::{Digest as _, Sha256};

use crate::contracts::{Consents, Records};
use crate::error::{Error, Result};
use crate::rpc::{At, Endpoint, Request};

/// Where the OP Stack keeps its GasPriceOracle.
pub const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000F");

/// What an EIP-1559 transaction of ours takes beside its call, unsigned, bytes at most: chain id,
/// nonce, two fees, gas limit, recipient, lengths.
const ENVELOPE: usize = 64;

sol! {
    function getL1Fee(bytes data) external view returns (uint256);
}

/// An act whose bytes are posted to L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostedAct {
    /// A record's version.
    Commit,
    /// A grant.
    Grant,
    /// The end of one.
    Revoke,
    /// A request for access.
    Request,
}

impl PostedAct {
    /// Bytes of the transaction that carries one such act.
    #[must_use]
    pub fn bytes(self) -> usize {
        let signature = Bytes::from_static(&[0xff; 65]);
        let call = match self {
            Self::Commit => Records::commitCall {
                institutionSignature: signature.clone(),
                controllerSignature: signature,
                ..Default::default()
            }
            .abi_encode(),
            Self::Grant => Consents::grantCall {
                controllerSignature: signature,
                ..Default::default()
            }
            .abi_encode(),
            Self::Revoke => Consents::revokeCall {
                controllerSignature: signature,
                ..Default::default()
            }
            .abi_encode(),
            Self::Request => Consents::requestCall {
                requesterSignature: signature,
                ..Default::default()
            }
            .abi_encode(),
        };
        call.len() + ENVELOPE
    }
}

/// Wei that the chain charges now for putting so many bytes on L1, at most: the oracle is asked
/// about bytes that do not compress, and ours hold some zeros. `None` where there is no oracle.
///
/// # Errors
/// If the endpoint does not answer.
pub async fn l1_data_fee(endpoint: &dyn Endpoint, bytes: usize) -> Result<Option<U256>> {
    let call = getL1FeeCall {
        data: incompressible(bytes).into(),
    };
    let request = Request::question(GAS_PRICE_ORACLE, call.abi_encode());
    match endpoint.call(&request, At::Latest).await {
        // Neither an address without code nor a contract that is something else is an oracle.
        Ok(answer) => Ok(getL1FeeCall::abi_decode_returns(&answer).ok()),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn incompressible(bytes: usize) -> Vec<u8> {
    let blocks = (0_u64..).flat_map(|number| Sha256::digest(number.to_be_bytes()));
    blocks.take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_take_the_bytes_of_their_calls() {
        for (act, least) in [
            (PostedAct::Commit, 500),
            (PostedAct::Grant, 250),
            (PostedAct::Revoke, 200),
            (PostedAct::Request, 200),
        ] {
            let bytes = act.bytes();
            assert!((least..1_200).contains(&bytes), "{act:?}: {bytes}");
        }
    }
}
