//! Index page.

use alloy_primitives::{Address, Bytes};
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// The newest sealed index of a patient, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPage {
    /// The patient's wallet.
    pub owner: Address,
    /// [`SealedIndex`], DAG-CBOR.
    pub sealed: Bytes,
    /// The same bytes in the vault, for the replicas.
    pub cid: Cid,
}

impl Document for IndexPage {
    const KIND: Kind = Kind::Index;
    fn id(&self) -> String {
        hex::encode(self.owner)
    }
}
