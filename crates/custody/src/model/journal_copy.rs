//! Journal copy.

use alloy_primitives::Address;
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// What is noted of a page that is kept for another institution.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spare {
    pub(crate) owner: Address,
    pub(crate) cid: Cid,
    /// Where it is in this vault.
    pub(crate) stored: Cid,
    pub(crate) bytes: u64,
}

impl Spare {
    pub(crate) fn id_of(owner: Address, cid: &Cid) -> String {
        format!("{}/{cid}", hex::encode(owner))
    }
}

impl Document for Spare {
    const KIND: Kind = Kind::Spare;
    fn id(&self) -> String {
        Self::id_of(self.owner, &self.cid)
    }
    fn owner(&self) -> String {
        hex::encode(self.owner)
    }
}

/// What is stored of it, sealed once more.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wrapped {
    pub(crate) owner: Address,
    pub(crate) cid: Cid,
    #[serde(with = "serde_bytes")]
    pub(crate) sealed: Vec<u8>,
}
