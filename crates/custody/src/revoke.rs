//! Revocation: the patient takes a grant back.
//!
//! ```text
//! given ──controller signs──► revoked here at once, envelopes deleted ──relayer──► revoked on chain
//!                                       └──► told to the recipient's node, which does the same
//! ```
//!
//! From the moment of the signature this node refuses, though the chain may take a while. A node
//! that was not told is bound by the chain.

use alloy_primitives::{Address, B256, Bytes};
use record::Recipient;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::{Act, Deployment, SignedAct, check_signature};
use crate::caller::Caller;
use crate::carry::{Payer, Wish};
use crate::error::{Error, Result};
use crate::grant::{Grant, GrantStage};
use crate::hospital::Hospital;
use crate::keys::WalletKey;
use crate::notice::News;
use crate::peers::hex_id;
use crate::store::{Batch, Documents};
use crate::touch::{Deed, Entry};

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokeMessage {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// The grant.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The controller's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// What a patient's client sends to revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokeOrder {
    /// The revocation.
    #[serde(flatten)]
    pub message: RevokeMessage,
    /// Who pays for it. It never waits for a low fee.
    #[serde(default)]
    pub payer: Payer,
}

impl From<RevokeMessage> for RevokeOrder {
    fn from(message: RevokeMessage) -> Self {
        let payer = Payer::default();
        Self { message, payer }
    }
}

impl RevokeMessage {
    /// Sign a revocation: the patient's side.
    #[must_use]
    pub fn new(controller: &WalletKey, at: &Deployment, grant: B256) -> Self {
        let act = Act::Revoke {
            controller: controller.address(),
            id: grant,
        };
        Self {
            controller: controller.address(),
            grant,
            signature: act.sign(at, controller),
        }
    }

    fn act(&self) -> Act {
        Act::Revoke {
            controller: self.controller,
            id: self.grant,
        }
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

impl Hospital {
    /// Revoke a grant of a patient of this hospital. Revoking again returns what is there.
    ///
    /// # Errors
    /// If the grant is not of this patient or the signature does not hold.
    pub async fn revoke(&self, by: &Caller, order: RevokeOrder) -> Result<Grant> {
        let RevokeOrder { message, payer } = order;
        let held = self.store.load::<Grant>(&hex_id(message.grant)).await?;
        let mut held = held
            .filter(|h| h.document.controller == message.controller)
            .filter(|h| h.document.patient.is_some() && h.document.patient == by.patient)
            .ok_or(Error::NotFound("grant"))?;
        if held.document.stage != GrantStage::Given {
            return Ok(held.document);
        }
        self.check_revocation(&message).await?;
        let signed = SignedAct {
            act: message.act(),
            signatures: vec![message.signature.clone()],
        };
        let wish = Wish { when: None, payer };
        let errand = self.errand_of(signed, by.wallet, wish).await?;
        let document = held.document.message.document()?;
        let grant = &mut held.document;
        grant.close(GrantStage::Revoked);
        grant.revocation = Some(errand.id);
        grant.revocation_signature = Some(message.signature);
        grant.owed = self.elsewhere_of(&document.recipient).await?;
        let mut batch = Batch::new();
        // A grant that still waits here must not follow its own revocation.
        self.drop_resting(&mut batch, grant.errand).await?;
        batch.replace(&held)?;
        self.enlist(&mut batch, &errand).await?;
        self.tell_recipient(&mut batch, &document.recipient, message.grant)
            .await?;
        let mut entry = Entry::new(Deed::Revoke, self.now(), by.wallet).grant(message.grant);
        entry.patient = by.patient;
        self.write(batch, entry).await?;
        self.errands.notify_one();
        Ok(held.document)
    }

    async fn tell_recipient(
        &self,
        batch: &mut Batch,
        recipient: &Recipient,
        grant: B256,
    ) -> Result<()> {
        let Recipient::Person(wallet) = recipient else {
            return Ok(());
        };
        let news = News::new("grant_revoked", format!("/granted/{grant}"));
        self.tell_person(batch, *wallet, news.with("grant", grant))
            .await
    }

    async fn check_revocation(&self, message: &RevokeMessage) -> Result<()> {
        let digest = message.act().digest(self.deployment());
        let (signer, signature) = (message.controller, &message.signature);
        check_signature(self.chain.as_ref(), "revocation", signer, digest, signature).await
    }

    /// Take a revocation that another institution's node brings: the envelopes are deleted here too.
    ///
    /// # Errors
    /// If the signature does not hold.
    pub async fn receive_revocation(&self, from: Address, message: RevokeMessage) -> Result<()> {
        self.check_revocation(&message).await?;
        let Some(mut held) = self.store.load::<Grant>(&hex_id(message.grant)).await? else {
            return Ok(());
        };
        if held.document.controller != message.controller {
            return Err(Error::NotFound("grant"));
        }
        if held.document.stage != GrantStage::Given {
            return Ok(());
        }
        held.document.close(GrantStage::Revoked);
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let document = held.document.message.document()?;
        self.tell_recipient(&mut batch, &document.recipient, message.grant)
            .await?;
        let entry = Entry::new(Deed::Revoke, self.now(), from).grant(message.grant);
        self.write(batch, entry).await?;
        Ok(())
    }
}
