//! Draft.

use alloy_primitives::{Address, B256, Bytes};
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};
use crate::model::upload::Closed;

/// An upload that its author has not signed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The id of the record that it will be.
    pub record: B256,
    /// The id of the record's first version.
    pub series: B256,
    /// The patient's commitment.
    pub patient: B256,
    /// Who made it.
    pub author: Address,
    /// Tells the same request from another one with the same idempotency key.
    pub fingerprint: B256,
    /// Record key and unsigned manifest, sealed to the institution.
    pub sealed: Bytes,
    /// The sealed parts.
    pub parts: Vec<Cid>,
    /// What the author's client has sealed itself; nothing if this node seals.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// When it is deleted, unix seconds.
    pub expires_at: u64,
}

impl Draft {
    /// Whether all of it has arrived.
    pub(crate) fn complete(&self) -> bool {
        self.closed.as_ref().is_none_or(|c| c.complete)
    }

    /// Every blob of it.
    pub(crate) fn blobs(&self) -> Vec<Cid> {
        let manifest = self.closed.as_ref().map(|c| c.manifest);
        self.parts.iter().copied().chain(manifest).collect()
    }
}

impl Document for Draft {
    const KIND: Kind = Kind::Draft;
    fn id(&self) -> String {
        hex_id(self.record)
    }
    fn owner(&self) -> String {
        hex::encode(self.author)
    }
    fn due_at(&self) -> u64 {
        self.expires_at
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DraftSecrets(pub(crate) record::Secret32, pub(crate) Bytes);

/// Where a new version stands among the others.
pub(crate) struct Place {
    pub(crate) series: B256,
    pub(crate) corrects: Option<(u64, B256)>,
}
