//! Opening: the recipient reads exactly what was shared, as long as it is shared.
//!
//! ```text
//! asked ──► document: recipient, time, part ──► chain, at this moment: live, not erased, active
//!                     │ no                                   │ no, or no answer
//!                     ▼                                      ▼
//!            refused, and logged                    refused, and logged
//!
//!           yes ──► written into the log ──► served
//! ```
//!
//! The log entry comes first: what cannot be logged is not served. The chain is asked for every
//! envelope and every part; nothing is remembered from one question to the next.

use alloy_primitives::{Address, B256};
use api::consent::{Envelope, GrantStage, Served};
use api::log::Deed;
use record::GrantDocument;
use vault::ByteStream;

use crate::model::caller::Caller;
use crate::model::chain_facts::RecordFacts;
use crate::model::cid::parse_cid;
use crate::model::document::{Batch, hex_id};
use crate::model::error::{ChainError, Error, Refusal, Result};
use crate::model::grant::Grant;
use crate::model::link::View;
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;

impl Hospital {
    /// Serve a grant's envelope, or refuse; either is logged first.
    ///
    /// # Errors
    /// [`Error::Refused`], or that the log cannot be written.
    pub async fn open_grant(&self, caller: &Caller, id: B256) -> Result<Served> {
        let grant = self.known_grant(id).await?;
        let decided = self.decide_open(caller, &grant).await;
        let entry = self.entry(Deed::Open, caller, &grant);
        let (envelope, view) = self.judged(&grant, decided, entry.clone()).await?;
        let mut batch = Batch::new();
        let news = News::new("opened", format!("/grants/{id}"));
        let news = news.with("grant", id).with("by", caller.wallet);
        self.tell_patient(&mut batch, grant.patient, news).await?;
        if let Some(view) = view {
            let link = self.count_view(&mut batch, caller, view)?;
            let news = News::new("link_viewed", format!("/links/{}", link.link));
            let news = news.with("link", link.link);
            let news = news.with("left", link.views.saturating_sub(link.used));
            self.tell_patient(&mut batch, grant.patient, news).await?;
        }
        let leaf = self.write_owed(batch, entry, self.home_of(&grant)).await?;
        Ok(Served {
            grant: id,
            document: grant.message.document.clone(),
            envelope,
            parts: grant.message.parts,
            leaf,
            institution: self.address(),
        })
    }

    /// Serve the sealed bytes of a granted part, or refuse; either is logged first.
    ///
    /// # Errors
    /// [`Error::Refused`], or that the log cannot be written.
    pub async fn serve_part(&self, caller: &Caller, id: B256, cid: &str) -> Result<ByteStream> {
        let grant = self.known_grant(id).await?;
        let part = grant.message.part_of(cid).cloned();
        let entry = self.entry(Deed::Serve, caller, &grant).detail(cid);
        let Some(part) = part else {
            return Err(self.refuse_open(&grant, Refusal::OtherPart, entry).await);
        };
        let decided = match self.decide(caller, &grant, Some(&part.name)).await {
            Ok(_) => self.part_by_link(caller, id).await,
            Err(refused) => Err(refused),
        };
        self.judged(&grant, decided, entry.clone()).await?;
        let cid = parse_cid(&part.cid)?;
        self.write_owed(Batch::new(), entry, self.home_of(&grant))
            .await?;
        Ok(self.replicator.read(&cid))
    }

    async fn known_grant(&self, id: B256) -> Result<Grant> {
        let held = self.store.load::<Grant>(&hex_id(id)).await?;
        held.map(|h| h.document).ok_or(Error::NotFound("grant"))
    }

    fn entry(&self, deed: Deed, caller: &Caller, grant: &Grant) -> Entry {
        let mut entry = Entry::new(deed, self.now(), caller.wallet).grant(grant.id);
        entry.patient = grant.patient;
        entry
    }

    async fn judged<T>(&self, grant: &Grant, decided: Result<T>, entry: Entry) -> Result<T> {
        match decided {
            Ok(allowed) => Ok(allowed),
            Err(Error::Refused(refusal)) => Err(self.refuse_open(grant, refusal, entry).await),
            Err(other) => Err(other),
        }
    }

    /// Log a refusal. A refusal that cannot be logged is still a refusal.
    async fn refuse_open(&self, grant: &Grant, refusal: Refusal, entry: Entry) -> Error {
        let entry = Entry {
            deed: Deed::Refused,
            ..entry
        }
        .refusal(refusal);
        match self.log_refusal(grant, refusal, entry).await {
            Ok(()) => Error::Refused(refusal),
            Err(unwritten) => unwritten,
        }
    }

    /// The patient's institution, if it is another one: it is told of everything done here.
    fn home_of(&self, grant: &Grant) -> Option<Address> {
        let home = grant.message.home;
        (home != self.address() && self.peers.knows(home)).then_some(home)
    }

    async fn log_refusal(&self, grant: &Grant, refusal: Refusal, entry: Entry) -> Result<()> {
        let mut batch = Batch::new();
        self.tell_refusal(&mut batch, &entry, refusal.code())
            .await?;
        self.write_owed(batch, entry, self.home_of(grant))
            .await
            .map(|_| ())
    }

    /// The rule of access, and the conditions of a link where there is one.
    async fn decide_open(
        &self,
        caller: &Caller,
        grant: &Grant,
    ) -> Result<(Envelope, Option<View>)> {
        let envelope = self.decide(caller, grant, None).await?;
        Ok((envelope, self.view_by_link(caller, grant.id).await?))
    }

    /// The rule of access. Nothing else in Stele gives any; a link can only narrow what it gives.
    async fn decide(&self, caller: &Caller, grant: &Grant, part: Option<&str>) -> Result<Envelope> {
        let document = grant.message.document()?;
        let at = self.deployment();
        if document.id() != grant.id {
            return Err(Error::Refused(Refusal::NotOnChain));
        }
        if grant.message.chain_id != at.chain_id || grant.message.consents != at.contracts.consents
        {
            return Err(Error::Refused(Refusal::OtherDeployment));
        }
        self.admits(caller, &document, part).await?;
        match grant.stage {
            GrantStage::Given => {}
            GrantStage::Revoked => return Err(Error::Refused(Refusal::Revoked)),
            GrantStage::Erased => return Err(Error::Refused(Refusal::Erased)),
        }
        self.live_on_chain(&document).await.map_err(silent_is_no)?;
        let envelope = grant
            .message
            .envelopes
            .iter()
            .find(|e| e.recipient == caller.wallet);
        envelope
            .cloned()
            .ok_or(Error::Refused(Refusal::OtherRecipient))
    }

    async fn admits(
        &self,
        caller: &Caller,
        document: &GrantDocument,
        part: Option<&str>,
    ) -> Result<()> {
        let facts = self
            .chain
            .staff(caller.wallet)
            .await
            .map_err(|e| silent_is_no(e.into()))?;
        let staff = facts.and_then(|f| {
            let (institution, active) = (f.institution, f.active);
            f.role.map(|role| record::StaffStatus {
                institution,
                role,
                active,
            })
        });
        let who = record::Caller {
            wallet: caller.wallet,
            staff,
        };
        let first = document.parts.first().map_or("", String::as_str);
        let permitted = document.permits(who, part.unwrap_or(first), self.now());
        permitted.map_err(|refusal| Error::Refused(refusal.into()))
    }

    async fn live_on_chain(&self, document: &GrantDocument) -> Result<()> {
        match self.chain.record(document.controller).await? {
            RecordFacts::At { .. } => {}
            RecordFacts::Erased => return Err(Error::Refused(Refusal::Erased)),
            RecordFacts::None => return Err(Error::Refused(Refusal::NotOnChain)),
        }
        let facts = self.chain.grant(document.controller, document.id()).await?;
        if facts.revoked {
            return Err(Error::Refused(Refusal::Revoked));
        }
        if facts.expiry == 0 {
            return Err(Error::Refused(Refusal::NotOnChain));
        }
        if !facts.live {
            return Err(Error::Refused(Refusal::Expired));
        }
        Ok(())
    }
}

/// Who cannot be asked has not said yes.
pub(crate) fn silent_is_no(error: Error) -> Error {
    match error {
        Error::Chain(ChainError::Silent(reason)) => {
            tracing::warn!(%reason, "an open is refused because the chain cannot be asked");
            Error::Refused(Refusal::ChainSilent)
        }
        other => other,
    }
}
