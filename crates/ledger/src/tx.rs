//! Making and signing EIP-1559 transactions, and what they should pay.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::eip1559::Transaction;
use crate::error::{Error, Result};
use crate::rpc::{At, Endpoint};
use crate::typed::Signer;

/// What a transaction pays for each unit of gas (EIP-1559).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// Most wei per unit of gas in all.
    pub max_fee: u128,
    /// Most wei per unit of gas for the block's maker.
    pub tip: u128,
}

/// How fees are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeePolicy {
    /// Never pay more than this, in wei per unit of gas.
    pub cap: u128,
    /// Never tip less, in wei per unit of gas.
    pub least_tip: u128,
    /// Raise a stuck transaction by this many per cent at least; nodes want 10.
    pub bump_percent: u128,
}

impl Default for FeePolicy {
    /// At most 200 gwei, a tip of at least 0.001 gwei, raised by an eighth.
    fn default() -> Self {
        Self {
            cap: 200_000_000_000,
            least_tip: 1_000_000,
            bump_percent: 13,
        }
    }
}

impl FeePolicy {
    /// Fees for the next blocks: the median tip of the last ten blocks, and twice the base fee, so
    /// that six full blocks in a row do not price the transaction out; all within the cap.
    ///
    /// # Errors
    /// [`Error::FeeTooHigh`] if the next block alone costs more than the cap;
    /// [`Error::Untrustworthy`] for chains without EIP-1559; or the endpoint's failure.
    pub async fn estimate(&self, endpoint: &dyn Endpoint) -> Result<Fees> {
        let head = endpoint
            .block(At::Latest)
            .await?
            .ok_or_else(|| Error::Untrustworthy("it has no latest block".into()))?;
        let base = head.base_fee_per_gas.ok_or_else(|| {
            Error::Untrustworthy("its chain has no base fee (EIP-1559), which Stele needs".into())
        })?;
        self.choose(base, endpoint.tip().await?)
    }

    /// The fees for a base fee and a usual tip, both in wei per unit of gas.
    ///
    /// # Errors
    /// [`Error::FeeTooHigh`] if base fee and tip together exceed the cap.
    pub fn choose(&self, base: u128, usual_tip: u128) -> Result<Fees> {
        // An endpoint that names an absurd tip costs at most the cap.
        let tip = usual_tip.max(self.least_tip);
        let needed = base.saturating_add(self.least_tip);
        if needed > self.cap {
            return Err(Error::FeeTooHigh {
                needed,
                limit: self.cap,
            });
        }
        let max_fee = base.saturating_mul(2).saturating_add(tip).min(self.cap);
        Ok(Fees {
            max_fee,
            tip: tip.min(max_fee - base),
        })
    }

    /// Fees that replace a stuck transaction that offered `last`: as `now` would be chosen, but
    /// raised enough that nodes take it instead of the other.
    ///
    /// # Errors
    /// [`Error::FeeTooHigh`] if that exceeds the cap.
    pub fn bump(&self, last: Fees, now: Fees) -> Result<Fees> {
        let raise = |fee: u128| {
            fee.saturating_mul(100 + self.bump_percent)
                .div_ceil(100)
                .max(fee + 1)
        };
        let fees = Fees {
            max_fee: raise(last.max_fee).max(now.max_fee),
            tip: raise(last.tip).max(now.tip),
        };
        if fees.max_fee > self.cap {
            return Err(Error::FeeTooHigh {
                needed: fees.max_fee,
                limit: self.cap,
            });
        }
        Ok(Fees {
            tip: fees.tip.min(fees.max_fee),
            ..fees
        })
    }
}

/// A transaction to be signed.
pub(crate) struct Draft<'a> {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    /// `None` creates a contract.
    pub(crate) to: Option<Address>,
    pub(crate) data: &'a Bytes,
    pub(crate) value: U256,
    pub(crate) gas_limit: u64,
    pub(crate) fees: Fees,
}

/// Signs a transaction; returns its hash and the bytes to send.
pub(crate) fn sign(draft: &Draft<'_>, signer: &dyn Signer) -> Result<(B256, Bytes)> {
    let transaction = Transaction {
        chain_id: draft.chain_id,
        nonce: draft.nonce,
        tip: draft.fees.tip,
        max_fee: draft.fees.max_fee,
        gas_limit: draft.gas_limit,
        to: draft.to,
        value: draft.value,
        data: draft.data.clone(),
    };
    let signature = signer.sign(&transaction.digest())?;
    let raw = transaction.signed(&signature);
    Ok((keccak256(&raw), raw))
}

/// Gas limit of a signed transaction; `None` if the bytes are none.
pub(crate) fn gas_limit(raw: &[u8]) -> Option<u64> {
    Transaction::decode(raw).map(|(transaction, _)| transaction.gas_limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fees_stay_within_the_cap_and_replace(
            base in 0u128..=u64::MAX.into(), tip: u64, cap in 1u128..=u64::MAX.into(),
        ) {
            let policy = FeePolicy { cap, ..FeePolicy::default() };
            let Ok(fees) = policy.choose(base, tip.into()) else {
                prop_assert!(base + policy.least_tip > cap);
                return Ok(());
            };
            prop_assert!(fees.max_fee <= cap && fees.tip <= fees.max_fee && fees.max_fee >= base);
            if let Ok(bumped) = policy.bump(fees, fees) {
                prop_assert!(bumped.max_fee <= cap && bumped.tip <= bumped.max_fee);
                // Ten per cent more on both, or nodes keep the old one.
                prop_assert!(bumped.max_fee * 10 >= fees.max_fee * 11);
                prop_assert!(bumped.tip * 10 >= fees.tip * 11);
            }
        }
    }

    #[test]
    fn a_mad_tip_costs_the_cap_at_most() {
        let policy = FeePolicy::default();
        let fees = policy.choose(1_000_000_000, u128::MAX).unwrap();
        assert_eq!(fees.max_fee, policy.cap);
        assert!(matches!(
            policy.choose(policy.cap, 0),
            Err(Error::FeeTooHigh { .. })
        ));
    }
}
