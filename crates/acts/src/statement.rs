//! What is to be known of a statement and of an act, whichever it is.

use core::array;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};

use crate::generated::Contract;

/// An EIP-712 struct with the contract in whose domain it is signed.
pub trait Statement: SolStruct {
    /// That contract.
    const CONTRACT: Contract;
}

/// A statement that goes to the chain by itself.
pub trait ChainAct: Statement {
    /// Its name in the contracts' words.
    fn name(&self) -> &'static str;

    /// How soon it has to be carried.
    fn lane(&self) -> Lane;

    /// The most gas that it uses where its signers are keys; contract wallets add their checks.
    /// `contracts/scripts/gas.sh --check` holds it against real receipts.
    fn gas_ceiling(&self) -> u64;

    /// The last second (Unix time) at which the contract takes it, if there is one.
    fn deadline(&self) -> Option<u64>;

    /// Who signs it, in the order in which the contract takes the signatures.
    fn signers(&self) -> Vec<Signatory>;

    /// The ABI-encoded call of the contract's function. A signature that is not there is sent
    /// empty.
    fn calldata(self, signatures: &[Bytes]) -> Bytes;
}

/// How soon an act has to be carried; what takes access away goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Takes access away: at once, whatever else waits.
    Urgent,
    /// A person waits for it.
    Normal,
    /// Nobody waits for it.
    Background,
}

/// Who has to sign an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatory {
    /// Whoever is the registrar when the contract takes the act.
    Registrar,
    /// The account that the act names.
    Account(Address),
}

/// A call of a contract's function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The contract.
    pub to: Address,
    /// Selector and arguments, ABI-encoded.
    pub data: Bytes,
}

/// The first `N` signatures; empty ones for those that are not there.
pub(crate) fn in_order<const N: usize>(signatures: &[Bytes]) -> [Bytes; N] {
    array::from_fn(|place| signatures.get(place).cloned().unwrap_or_default())
}
