//! Grant.

use acts::Act;
use alloy_primitives::{Address, B256, Bytes};
use api::consent::{GrantMessage, GrantStage, GrantView, RevokeMessage};
use record::GrantDocument;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// A grant as a node keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id on chain.
    pub id: B256,
    /// The record's controller.
    pub controller: Address,
    /// The patient, at the patient's own institution.
    pub patient: Option<B256>,
    /// The grant.
    pub message: GrantMessage,
    /// How far it is.
    pub stage: GrantStage,
    /// The act that grants, at the patient's own institution.
    pub errand: Option<B256>,
    /// The act that revokes.
    pub revocation: Option<B256>,
    /// The controller's signature of the revocation.
    pub revocation_signature: Option<Bytes>,
    /// When it came, unix seconds.
    pub received_at: u64,
    /// The institutions whose nodes still have to be told of the latest change.
    pub owed: Vec<Address>,
}

impl Document for Grant {
    const KIND: Kind = Kind::Grant;
    fn id(&self) -> String {
        hex_id(self.id)
    }
    fn owner(&self) -> String {
        hex::encode(self.controller)
    }
    fn state(&self) -> String {
        self.stage.name().to_owned()
    }
    fn due_at(&self) -> u64 {
        if self.owed.is_empty() {
            0
        } else {
            self.received_at.max(1)
        }
    }
}

impl Grant {
    /// As a list shows it.
    #[must_use]
    pub fn view(&self) -> GrantView {
        GrantView {
            grant: self.id,
            document: self.message.document.clone(),
            home: self.message.home,
            patient: self.patient,
            stage: self.stage,
            act: self.errand,
            revocation: self.revocation,
        }
    }
}

/// The act that a grant document stands for.
pub fn act_of(document: &GrantDocument) -> Act {
    Act::Grant {
        controller: document.controller,
        id: document.id(),
        expiry: document.until,
    }
}

impl Grant {
    /// The revocation, for telling other nodes.
    pub(crate) fn revocation_message(&self) -> Option<RevokeMessage> {
        let signature = self.revocation_signature.clone()?;
        Some(RevokeMessage {
            controller: self.controller,
            grant: self.id,
            signature,
        })
    }

    /// Forget what opens it.
    pub(crate) fn close(&mut self, stage: GrantStage) {
        self.stage = stage;
        self.message.envelopes.clear();
    }
}
