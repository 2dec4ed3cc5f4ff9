//! What the relayer spends on which act: how many bytes and how much gas at most, and which acts
//! go first.
//!
//! Gas and lane of each act are those of [`acts::Kind`]. A contract wallet may take [`ERC1271_GAS`]
//! on top for each signature; a wallet that needs more sends the call from an account of its own.

use alloy_sol_types::SolCall;

pub use acts::{Lane, SIGNATURE_BYTES as MAX_SIGNATURE};

use super::store::Call;
use crate::contracts::{Consents, Records, Refusal};
use crate::error::{Error, Result};

/// Longest call in bytes. Pools take transactions of up to 128 KiB (131,072 bytes) in all.
pub const MAX_CALL: usize = 96 << 10;
/// Most gas of one transaction on any chain: EIP-7825.
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;
/// Gas that a contract wallet may take to check one signature (ERC-1271).
pub const ERC1271_GAS: u64 = 100_000;

/// Bytes of a call beside its signatures: selector, struct, offsets and lengths.
const FRAME: usize = 1_024;
/// Most gas of a call that is no act's, and of which nothing is known.
const OTHER_GAS: u64 = 300_000;
/// What a batch costs beside its items.
const BATCH_GAS: u64 = 60_000;

/// What is allowed to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Name of the act's statement, as in `contracts/eip712.json`; `batch of` before it for batches.
    pub act: &'static str,
    /// Gas of its most expensive path with keys as signers; `None` for calls of which it is not
    /// known, which are given what was estimated.
    pub usual: Option<u64>,
    /// Most gas in all, with contract wallets as signers.
    pub ceiling: u64,
    /// Most bytes.
    pub bytes: usize,
    /// Who goes first.
    pub lane: Lane,
}

impl Allowance {
    /// What is allowed to a call.
    pub fn of(call: &Call) -> Self {
        if call.data.is_empty() {
            return Self::empty();
        }
        if let Some(kind) = acts::Kind::of_call(&call.data) {
            return Self::single(&kind);
        }
        Self::batch(&call.data).unwrap_or(Self {
            act: "other",
            usual: None,
            ceiling: OTHER_GAS,
            bytes: MAX_CALL,
            lane: Lane::Normal,
        })
    }

    fn single(kind: &acts::Kind) -> Self {
        let wallets = u64::try_from(kind.signatures).unwrap_or(u64::MAX);
        Self {
            act: kind.statement,
            usual: Some(kind.gas_ceiling),
            ceiling: kind
                .gas_ceiling
                .saturating_add(wallets.saturating_mul(ERC1271_GAS)),
            bytes: FRAME + kind.signatures * MAX_SIGNATURE,
            lane: kind.lane,
        }
    }

    /// A transfer of nothing, which uses up a nonce and does nothing else. It frees those behind
    /// it, so it goes first.
    fn empty() -> Self {
        Self {
            act: "empty",
            usual: Some(21_000),
            ceiling: 21_000,
            bytes: 0,
            lane: Lane::Urgent,
        }
    }

    fn batch(data: &[u8]) -> Option<Self> {
        let (act, each, lane, items) = match *data.first_chunk()? {
            Records::commitBatchCall::SELECTOR => {
                let call = Records::commitBatchCall::abi_decode(data).ok()?;
                ("batch of Commit", 60_000, Lane::Normal, call.items.len())
            }
            Consents::grantBatchCall::SELECTOR => {
                let call = Consents::grantBatchCall::abi_decode(data).ok()?;
                ("batch of Grant", 50_000, Lane::Normal, call.items.len())
            }
            Consents::revokeBatchCall::SELECTOR => {
                let call = Consents::revokeBatchCall::abi_decode(data).ok()?;
                ("batch of Revoke", 50_000, Lane::Urgent, call.items.len())
            }
            _ => return None,
        };
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        let usual = BATCH_GAS.saturating_add(items.saturating_mul(each));
        let wallets = items.saturating_add(1).saturating_mul(ERC1271_GAS);
        Some(Self {
            act,
            usual: Some(usual),
            ceiling: usual.saturating_add(wallets).min(MAX_TRANSACTION_GAS),
            bytes: MAX_CALL,
            lane,
        })
    }

    /// Checks the call's length.
    ///
    /// # Errors
    /// [`Error::CallTooLarge`].
    pub fn check_bytes(&self, call: &Call) -> Result<()> {
        if call.data.len() > self.bytes {
            return Err(Error::CallTooLarge {
                act: self.act,
                size: call.data.len(),
                limit: self.bytes,
            });
        }
        Ok(())
    }

    /// The gas limit to sign: the estimate and `margin` per cent, at least the act's most
    /// expensive path, since what stands before it in the queue or in its block can change which
    /// path it takes. All that is allowed once it was reverted (`round` above 0). Gas that is not
    /// used costs nothing.
    pub(super) fn gas_limit(&self, estimate: u64, margin: u64, round: u32) -> u64 {
        let wanted = match (round, self.usual) {
            (0, usual) => {
                let padded = estimate.saturating_add(estimate.saturating_mul(margin) / 100);
                padded.max(usual.unwrap_or(0))
            }
            _ => self.ceiling,
        };
        wanted.min(self.ceiling)
    }

    /// What is said of a call that needs more gas than it is allowed.
    pub(super) fn over_ceiling(&self) -> Refusal {
        Refusal {
            error: "GasCeiling".into(),
            meaning: format!(
                "{} needs more than the {} gas that the relayer pays for; a contract wallet whose signature check (ERC-1271) takes more than {ERC1271_GAS} gas has to send the call from an account of its own",
                self.act, self.ceiling
            ),
        }
    }
}

/// Whether no pool takes a transaction of that size and gas limit, now or later.
pub(super) fn is_beyond_protocol(data: usize, gas_limit: u64, block_gas_limit: u64) -> bool {
    data > MAX_CALL || gas_limit > MAX_TRANSACTION_GAS.min(block_gas_limit)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes};

    use super::*;

    fn call(data: Vec<u8>) -> Call {
        Call {
            to: Address::ZERO,
            data: Bytes::from(data),
            value: Default::default(),
        }
    }

    #[test]
    fn what_ends_access_is_urgent() {
        let lane = |call: Vec<u8>| Allowance::of(&super::tests::call(call)).lane;
        assert_eq!(
            lane(Consents::revokeCall::default().abi_encode()),
            Lane::Urgent
        );
        assert_eq!(
            lane(Records::eraseCall::default().abi_encode()),
            Lane::Urgent
        );
        assert_eq!(
            lane(Consents::grantCall::default().abi_encode()),
            Lane::Normal
        );
        let batch = Consents::revokeBatchCall {
            items: vec![Default::default(); 3],
        };
        let allowed = Allowance::of(&call(batch.abi_encode()));
        assert_eq!(allowed.lane, Lane::Urgent);
        assert_eq!(allowed.usual, Some(BATCH_GAS + 150_000));
    }

    #[test]
    fn signatures_have_room_for_wallets_and_no_more() {
        let grant = |bytes: usize| {
            call(
                Consents::grantCall {
                    controllerSignature: vec![0; bytes].into(),
                    ..Default::default()
                }
                .abi_encode(),
            )
        };
        let check = |call: Call| Allowance::of(&call).check_bytes(&call);
        check(grant(65)).unwrap();
        check(grant(MAX_SIGNATURE)).unwrap();
        let error = check(grant(200_000)).unwrap_err();
        assert!(
            matches!(error, Error::CallTooLarge { act: "Grant", .. }),
            "{error}"
        );
        assert!(check(call(vec![1; MAX_CALL + 1])).is_err());
    }

    #[test]
    fn gas_covers_the_path_that_was_not_estimated_and_stays_below_the_ceiling() {
        let revoke = Allowance::of(&call(Consents::revokeCall::default().abi_encode()));
        // Estimated while its grant stands; its grant may come after it all the same.
        assert!(revoke.gas_limit(34_689, 20, 0) >= 51_777);
        assert_eq!(revoke.gas_limit(u64::MAX, 20, 0), revoke.ceiling);
        assert_eq!(revoke.gas_limit(34_689, 20, 1), revoke.ceiling);
        let other = Allowance::of(&call(b"other".to_vec()));
        assert_eq!(other.gas_limit(50_000, 20, 0), 60_000);
    }
}
