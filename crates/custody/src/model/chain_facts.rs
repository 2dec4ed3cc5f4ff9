//! What the chain says at one moment, as the use cases decide on it.

use alloy_primitives::{Address, B256};
use api::acts::Progress;
use record::Role;
use serde::{Deserialize, Serialize};

/// What the Registry knows of an institution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstitutionFacts {
    /// Admitted and not suspended.
    pub active: bool,
    /// The nonce of the next act about it.
    pub nonce: u64,
}

/// What the Registry knows of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaffFacts {
    /// The person's institution.
    pub institution: Address,
    /// The role there, if the number is one that this program knows.
    pub role: Option<Role>,
    /// Whether neither the person nor the institution is suspended.
    pub active: bool,
    /// The nonce of the next act about the person.
    pub nonce: u64,
}

/// What the Registry knows of a key statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// The salted digest of the current one; zero for none.
    pub digest: B256,
    /// How many were published.
    pub version: u64,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordFacts {
    /// Nothing was committed under this controller.
    None,
    /// The current version.
    At {
        /// Its number, from 1.
        version: u64,
        /// Its commitment.
        commitment: B256,
    },
    /// It was erased.
    Erased,
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantFacts {
    /// Its last live second; 0 if it was never granted.
    pub expiry: u64,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether the contract says that it is live at this moment.
    pub live: bool,
}

/// What the chain says about an act that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// How far it is.
    pub progress: Progress,
    /// The transaction.
    pub tx: Option<B256>,
    /// Gas used.
    pub gas: Option<u64>,
    /// The block it is in.
    pub block: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}
