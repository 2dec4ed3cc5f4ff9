//! Foreign entry.

use alloy_primitives::{Address, B256};
use api::log::ProvenEntry;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// An entry of another institution's log, as the patient's institution keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Abroad {
    pub(crate) patient: B256,
    pub(crate) proven: ProvenEntry,
}

impl Abroad {
    pub(crate) fn key(institution: Address, leaf: u64) -> String {
        format!("{}/{leaf:016x}", hex::encode(institution))
    }
}

impl Document for Abroad {
    const KIND: Kind = Kind::Abroad;
    fn id(&self) -> String {
        Self::key(self.proven.institution, self.proven.leaf)
    }
    fn owner(&self) -> String {
        hex_id(self.patient)
    }
}
