//! Revocation: the patient takes a grant back.
//!
//! ```text
//! given ──controller signs──► revoked here at once, envelopes deleted ──relayer──► revoked on chain
//!                                       └──► told to the recipient's node, which does the same
//! ```
//!
//! From the moment of the signature this node refuses, though the chain may take a while. A node
//! that was not told is bound by the chain.

use acts::{Act, SignedAct};
use alloy_primitives::{Address, B256};
use api::acts::Wish;
use api::consent::{GrantStage, RevokeMessage, RevokeOrder};
use api::log::Deed;
use record::Recipient;

use crate::model::caller::Caller;
use crate::model::document::{Batch, hex_id};
use crate::model::error::{Error, Result};
use crate::model::grant::Grant;
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::signature::check_signature;

/// The act that a revocation signs.
fn act_of(message: &RevokeMessage) -> Act {
    Act::Revoke {
        controller: message.controller,
        id: message.grant,
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
            act: act_of(&message),
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
        let digest = act_of(message).digest(self.deployment());
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
