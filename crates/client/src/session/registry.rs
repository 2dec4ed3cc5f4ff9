//! Institutions, staff and key statements.

use acts::{Act, SignedAct};
use alloy_primitives::Address;
use api::acts::{ActView, Signature};
use api::people::{DirectoryView, KeySubmission};
use custody::model::invitation::Invitation;
use custody::uses::people::key_statement::state_key;
use record::Role;

use super::{DEADLINE, Result, Session, now, status};

impl Session {
    /// What directory and chain know of a wallet.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn directory(&self, wallet: Address) -> Result<DirectoryView> {
        self.get(&format!("/api/v1/directory/{wallet}")).await
    }

    /// Admit or reinstate an institution, or suspend it: the registrar's act.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn set_institution(&self, institution: Address, active: bool) -> Result<ActView> {
        let nonce = self.directory(institution).await?.institution_nonce;
        let (status, deadline) = (status(active), now() + DEADLINE);
        let act = Act::SetInstitution {
            institution,
            status,
            nonce,
            deadline,
        };
        self.post("/api/v1/registry/institutions", &self.signed(act))
            .await
    }

    /// Invite a person to the institution's staff: the institution's half of the act.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn invite(&self, staff: Address, role: Role) -> Result<Invitation> {
        let nonce = self.directory(staff).await?.staff_nonce;
        let offer = Invitation::offer(&self.keys, self.at(), staff, role, nonce, now() + DEADLINE);
        self.post("/api/v1/registry/staff", &offer).await
    }

    /// Accept the invitation of this node's institution: the person's half.
    ///
    /// # Errors
    /// If there is none, or it names another person or institution.
    pub async fn accept_invitation(&self) -> Result<ActView> {
        let offer: Invitation = self.get("/api/v1/registry/invitation").await?;
        if offer.staff != self.keys.address() || offer.institution != self.card.institution {
            return Err(custody::model::error::Error::invalid(
                "invitation",
                "it is for somebody else",
            )
            .into());
        }
        let signature = offer.act().sign(self.at(), self.keys.wallet());
        self.post("/api/v1/registry/invitation", &Signature { signature })
            .await
    }

    /// Change a person's role, suspend or reinstate: the institution's act.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn set_staff(&self, staff: Address, role: Role, active: bool) -> Result<ActView> {
        let nonce = self.directory(staff).await?.staff_nonce;
        let act = Act::SetStaff {
            staff,
            institution: self.keys.address(),
            role: role.number(),
            status: status(active),
            nonce,
            deadline: now() + DEADLINE,
        };
        self.post(
            &format!("/api/v1/registry/staff/{staff}"),
            &self.signed(act),
        )
        .await
    }

    /// State the caller's sealing key: to the directory, and salted to the chain for staff and
    /// institutions.
    ///
    /// # Errors
    /// If the node or the contract refuses.
    pub async fn state_key(&self, name: &str) -> Result<Option<ActView>> {
        let me = self.directory(self.keys.address()).await?;
        let on_chain = me.active_institution || me.staff.is_some_and(|s| s.active);
        let anchor = on_chain.then(|| (me.key_version + 1, now() + DEADLINE));
        let body: KeySubmission = state_key(&self.keys, self.at(), name, now(), anchor)?;
        self.post("/api/v1/keys", &body).await
    }

    pub(crate) fn signed(&self, act: Act) -> SignedAct {
        let signatures = vec![act.sign(self.at(), self.keys.wallet())];
        SignedAct { act, signatures }
    }
}
