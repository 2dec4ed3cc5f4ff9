//! What is to be known of a statement and of an act, whichever it is.

use core::array;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};

use crate::generated::{Contract, KINDS};

/// An EIP-712 struct with the contract in whose domain it is signed.
pub trait Statement: SolStruct {
    /// That contract.
    const CONTRACT: Contract;
}

/// A statement that goes to the chain by itself.
pub trait ChainAct: Statement {
    /// What is to be known of all acts of this kind.
    const KIND: Kind;

    /// The same, of a value.
    fn kind(&self) -> Kind {
        Self::KIND
    }

    /// The last second (Unix time) at which the contract takes it, if there is one.
    fn deadline(&self) -> Option<u64>;

    /// Who signs it, in the order in which the contract takes the signatures.
    fn signers(&self) -> Vec<Signatory>;

    /// The ABI-encoded call of the contract's function. A signature that is not there is sent
    /// empty.
    fn calldata(self, signatures: &[Bytes]) -> Bytes;
}

/// What is to be known of all acts of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name in documents and requests: `set_institution`.
    pub name: &'static str,
    /// The name of its statement: `SetInstitution`.
    pub statement: &'static str,
    /// The contract that takes it.
    pub contract: Contract,
    /// The selector of the contract's function.
    pub selector: [u8; 4],
    /// How many signatures it needs.
    pub signatures: usize,
    /// The most gas that it uses where its signers are keys, in whatever state it finds the
    /// contract; contract wallets add their checks. `contracts/scripts/gas.sh --check` holds it
    /// against real receipts.
    pub gas_ceiling: u64,
    /// How soon it has to be carried.
    pub lane: Lane,
}

impl Kind {
    /// The kind of act that a call of one of the contracts carries by itself.
    #[must_use]
    pub fn of_call(data: &[u8]) -> Option<Self> {
        let selector = data.first_chunk()?;
        KINDS.into_iter().find(|kind| kind.selector == *selector)
    }
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
