//! Erasure.

use alloy_primitives::{Address, B256};
use api::peers::Deletion;
use api::records::ErasureView;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};

/// An erasure under way or done, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The record's controller.
    pub controller: Address,
    /// The patient.
    pub patient: B256,
    /// The act.
    pub act: B256,
    /// The blobs that are deleted.
    pub cids: Vec<String>,
    /// Whether this node has deleted its own.
    pub done: bool,
    /// What the holders signed that they deleted.
    pub statements: Vec<Deletion>,
    /// Holders that still have to be asked, and what they said.
    pub missing: Vec<String>,
    /// When it was ordered, unix seconds.
    pub ordered_at: u64,
}

impl Document for Erasure {
    const KIND: Kind = Kind::Erasure;
    fn id(&self) -> String {
        hex::encode(self.controller)
    }
    fn due_at(&self) -> u64 {
        if self.done { 0 } else { self.ordered_at.max(1) }
    }
}

impl From<Erasure> for ErasureView {
    fn from(document: Erasure) -> Self {
        Self {
            controller: document.controller,
            patient: document.patient,
            act: document.act,
            cids: document.cids,
            done: document.done,
            statements: document.statements,
            missing: document.missing,
            ordered_at: document.ordered_at,
        }
    }
}
