//! Invitation.

use acts::{Act, Deployment};
use alloy_primitives::{Address, Bytes};
use api::people::InvitationView;
use record::Role;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};
use crate::model::keys::KeyRing;

/// An institution's offer to a person, waiting for the person's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The person's wallet.
    pub staff: Address,
    /// The inviting institution.
    pub institution: Address,
    /// The role.
    pub role: Role,
    /// The nonce of the act.
    pub nonce: u64,
    /// Until when the signatures can be used, unix seconds.
    pub deadline: u64,
    /// The institution's signature.
    pub signature: Bytes,
}

impl Document for Invitation {
    const KIND: Kind = Kind::Invitation;
    fn id(&self) -> String {
        hex::encode(self.staff)
    }
    fn due_at(&self) -> u64 {
        self.deadline
    }
}

impl Invitation {
    /// The act that both sign.
    #[must_use]
    pub fn act(&self) -> Act {
        Act::AdmitStaff {
            staff: self.staff,
            institution: self.institution,
            role: self.role.number(),
            nonce: self.nonce,
            deadline: self.deadline,
        }
    }

    /// The institution's side: offer a role.
    #[must_use]
    pub fn offer(
        institution: &KeyRing,
        at: &Deployment,
        staff: Address,
        role: Role,
        nonce: u64,
        deadline: u64,
    ) -> Self {
        let mut offer = Self {
            staff,
            institution: institution.address(),
            role,
            nonce,
            deadline,
            signature: Bytes::new(),
        };
        offer.signature = offer.act().sign(at, institution.wallet());
        offer
    }
}

impl From<Invitation> for InvitationView {
    fn from(document: Invitation) -> Self {
        Self {
            staff: document.staff,
            institution: document.institution,
            role: document.role,
            nonce: document.nonce,
            deadline: document.deadline,
            signature: document.signature,
        }
    }
}

impl From<InvitationView> for Invitation {
    fn from(document: InvitationView) -> Self {
        Self {
            staff: document.staff,
            institution: document.institution,
            role: document.role,
            nonce: document.nonce,
            deadline: document.deadline,
            signature: document.signature,
        }
    }
}
