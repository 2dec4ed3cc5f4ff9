//! What a signature is for: a chain and a contract on it.

use std::borrow::Cow;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use serde::{Deserialize, Serialize};

use crate::generated::{Contract, Contracts, DOMAIN_NAME, DOMAIN_VERSION};
use crate::statement::{Call, ChainAct, Statement};

/// The chain and the contract that a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// `verifyingContract`: the contract that takes the statement, or, off chain, the one that it is
    /// about.
    pub contract: Address,
}

impl Domain {
    /// The EIP-712 domain.
    #[must_use]
    pub fn eip712(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some(Cow::Borrowed(DOMAIN_NAME)),
            Some(Cow::Borrowed(DOMAIN_VERSION)),
            Some(U256::from(self.chain_id)),
            Some(self.contract),
            None,
        )
    }

    /// The digest that a wallet signs for `statement`.
    #[must_use]
    pub fn digest(&self, statement: &impl SolStruct) -> B256 {
        statement.eip712_signing_hash(&self.eip712())
    }
}

/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain's id (EIP-155).
    pub chain_id: u64,
    /// Their addresses.
    pub contracts: Contracts,
}

impl Deployment {
    /// The signing domain of a contract.
    #[must_use]
    pub fn domain(&self, contract: Contract) -> Domain {
        Domain {
            chain_id: self.chain_id,
            contract: self.contracts.of(contract),
        }
    }

    /// The digest that is signed for `statement`, in the domain of its own contract.
    #[must_use]
    pub fn digest<S: Statement>(&self, statement: &S) -> B256 {
        self.domain(S::CONTRACT).digest(statement)
    }

    /// The call that carries `act`, with the signatures in the order of its signers.
    #[must_use]
    pub fn call<A: ChainAct>(&self, act: A, signatures: &[Bytes]) -> Call {
        Call {
            to: self.contracts.of(A::CONTRACT),
            data: act.calldata(signatures),
        }
    }
}
