//! Grants: the patient shares parts of a record with somebody, for a purpose and a time.
//!
//! ```text
//! made ──controller signs; keys of the granted parts sealed to each recipient──► given
//!   given ──chain──► live ──time──► expired
//!                      └──patient──► revoked            (envelopes are deleted)
//!                      └──record erased──► gone         (envelopes are deleted)
//! ```
//!
//! The home node checks the document against its id and the signature, keeps the envelopes, has
//! the grant carried to the chain, and brings a copy to the recipient's own node, so that either
//! can serve. Whether a grant is live is never read from a database: see [`open`](crate::open).

use acts::SignedAct;
use alloy_primitives::{Address, B256};
use api::consent::{GrantMessage, GrantStage, GrantSubmission, PartRef};
use api::log::Deed;
use async_trait::async_trait;
use cid::Cid;
use record::{GrantDocument, Recipient};

use crate::model::caller::Caller;
use crate::model::cid::parse_cid;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Refusal, Result};
use crate::model::grant::{Grant, act_of};
use crate::model::inbox::{Inbox, inbox_of};
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Step};
use crate::uses::signature::check_signature;

/// Most envelopes of one grant.
pub(crate) const ENVELOPES: usize = 500;

/// Grants, revocations and erasures of which the recipients' nodes still have to be told.
#[derive(Debug, Default)]
pub struct GrantDeliveries;

#[async_trait]
impl Lifecycle for GrantDeliveries {
    type Document = Grant;

    fn name(&self) -> &'static str {
        "grant_deliveries"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Grant).due_by(u64::MAX)
    }

    fn target(&self, grant: &Grant) -> Option<String> {
        grant.owed.first().map(hex::encode)
    }

    /// Tells the first institution that is owed.
    async fn step(&self, hospital: &Hospital, mut held: Held<Grant>) -> Result<Step> {
        let Some(institution) = held.document.owed.first().copied() else {
            return Ok(Step::Moved);
        };
        hospital.tell(institution, &held.document).await?;
        held.document.owed.remove(0);
        let mut batch = Batch::new();
        batch.replace(&held)?;
        hospital.store.write(&batch).await?;
        Ok(Step::Moved)
    }
}

impl Hospital {
    /// Take a grant from a patient of this hospital.
    ///
    /// # Errors
    /// If it is not of a record of this patient, not signed by its controller, for another
    /// deployment, or the contract would refuse it.
    pub async fn give(&self, by: &Caller, submission: GrantSubmission) -> Result<Grant> {
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        let GrantSubmission {
            message,
            index,
            wish,
        } = submission;
        let document = self.check_grant(&message).await?;
        if message.home != self.address() {
            return Err(Error::invalid("home", "it is for another institution"));
        }
        if let Some(known) = self.store.load::<Grant>(&hex_id(document.id())).await? {
            return Ok(known.document);
        }
        self.check_record(patient, &document, &message).await?;
        let signed = SignedAct {
            act: act_of(&document),
            signatures: vec![message.signature.clone()],
        };
        self.chain.check(&signed).await?;
        let errand = self.errand_of(signed, by.wallet, wish).await?;
        let owed = self.elsewhere_of(&document.recipient).await?;
        let mut batch = Batch::new();
        self.enlist(&mut batch, &errand).await?;
        let old = match &index {
            Some(index) => self.turn_index(&mut batch, by.wallet, index).await?,
            None => None,
        };
        self.answer_request(&mut batch, document.request, document.id())
            .await?;
        let grant = self.new_grant(&document, message, Some(patient), Some(errand.id), owed);
        self.file_grant(batch, &grant, &document, Deed::Grant, by.wallet)
            .await?;
        if index.is_some() {
            self.spread_index(by.wallet, old).await;
        }
        self.errands.notify_one();
        Ok(grant)
    }

    fn new_grant(
        &self,
        document: &GrantDocument,
        message: GrantMessage,
        patient: Option<B256>,
        errand: Option<B256>,
        owed: Vec<Address>,
    ) -> Grant {
        Grant {
            id: document.id(),
            controller: document.controller,
            patient,
            message,
            stage: GrantStage::Given,
            errand,
            revocation: None,
            revocation_signature: None,
            received_at: self.now(),
            owed,
        }
    }

    async fn file_grant(
        &self,
        mut batch: Batch,
        grant: &Grant,
        document: &GrantDocument,
        deed: Deed,
        actor: Address,
    ) -> Result<()> {
        batch.create(grant)?;
        let owner = inbox_of(&document.recipient);
        batch.put(&Inbox {
            owner,
            about: Kind::Grant,
            id: grant.id,
        })?;
        if let Recipient::Person(wallet) = document.recipient {
            let news = News::new("grant_received", format!("/granted/{}", grant.id))
                .with("grant", grant.id)
                .with("home", grant.message.home);
            self.tell_person(&mut batch, wallet, news).await?;
        }
        let mut entry = Entry::new(deed, self.now(), actor).grant(grant.id);
        entry.patient = grant.patient;
        self.write(batch, entry).await?;
        Ok(())
    }

    /// Check what needs no database: deployment, document, signature, envelopes.
    async fn check_grant(&self, message: &GrantMessage) -> Result<GrantDocument> {
        let at = self.deployment();
        if message.chain_id != at.chain_id || message.consents != at.contracts.consents {
            return Err(Error::Refused(Refusal::OtherDeployment));
        }
        let document = message.document()?;
        let digest = act_of(&document).digest(at);
        let (signer, signature) = (document.controller, &message.signature);
        check_signature(self.chain.as_ref(), "grant", signer, digest, signature).await?;
        if message.envelopes.is_empty() || message.envelopes.len() > ENVELOPES {
            return Err(Error::invalid(
                "envelopes",
                format!("1 to {ENVELOPES} are needed"),
            ));
        }
        if let Recipient::Person(wallet) = document.recipient
            && message.envelopes.iter().any(|e| e.recipient != wallet)
        {
            return Err(Error::Refused(Refusal::OtherRecipient));
        }
        let names: Vec<&str> = message.parts.iter().map(|p| p.name.as_str()).collect();
        if names != document.parts {
            return Err(Error::invalid(
                "parts",
                "they are not those of the document, in its order",
            ));
        }
        message
            .parts
            .iter()
            .try_for_each(|p| parse_cid(&p.cid).map(|_| ()))?;
        Ok(document)
    }

    async fn check_record(
        &self,
        patient: B256,
        document: &GrantDocument,
        message: &GrantMessage,
    ) -> Result<()> {
        let versions = self.versions(patient, None).await?;
        let shared = versions.iter().find(|v| {
            v.commitment == document.commitment && v.controller == Some(document.controller)
        });
        let shared = shared.ok_or(Error::NotFound("record"))?;
        let known = |p: &PartRef| {
            shared
                .parts
                .iter()
                .map(Cid::to_string)
                .any(|cid| cid == p.cid)
        };
        if message.parts.iter().all(known) {
            return Ok(());
        }
        Err(Error::invalid("parts", "a part is not of this record"))
    }

    /// The institution whose node serves a recipient, if it is another one that is known here.
    pub(crate) async fn elsewhere_of(&self, recipient: &Recipient) -> Result<Vec<Address>> {
        let institution = match recipient {
            Recipient::Person(wallet) => self.staff(*wallet).await?.map(|s| s.institution),
            Recipient::Role { institution, .. } => Some(*institution),
        };
        let other = institution.filter(|i| *i != self.address() && self.peers.knows(*i));
        Ok(other.into_iter().collect())
    }

    /// Take a grant that another institution's node brings.
    ///
    /// # Errors
    /// If the grant does not hold.
    pub async fn receive_grant(&self, message: GrantMessage) -> Result<()> {
        let document = self.check_grant(&message).await?;
        if self
            .store
            .load::<Grant>(&hex_id(document.id()))
            .await?
            .is_some()
        {
            return Ok(());
        }
        let from = message.home;
        let grant = self.new_grant(&document, message, None, None, Vec::new());
        self.file_grant(Batch::new(), &grant, &document, Deed::Receive, from)
            .await
    }

    /// The grants that concern the caller: as recipient, and as patient.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn grants(&self, caller: &Caller) -> Result<Vec<Grant>> {
        let mut ids = self.inbox(&hex::encode(caller.wallet), Kind::Grant).await?;
        if let Some(staff) = caller.staff {
            let (institution, role) = (staff.institution, staff.role);
            let role = inbox_of(&Recipient::Role { institution, role });
            ids.extend(self.inbox(&role, Kind::Grant).await?);
        }
        let mut grants = Vec::new();
        for id in ids {
            grants.extend(
                self.store
                    .load::<Grant>(&hex_id(id))
                    .await?
                    .map(|h| h.document),
            );
        }
        if let Some(patient) = caller.patient {
            for held in self.grants_of(patient).await? {
                if !grants.iter().any(|g| g.id == held.document.id) {
                    grants.push(held.document);
                }
            }
        }
        Ok(grants)
    }

    /// The grants that a patient of this hospital gave.
    pub(crate) async fn grants_of(&self, patient: B256) -> Result<Vec<Held<Grant>>> {
        let mut grants = Vec::new();
        for controller in self.controllers(patient).await? {
            grants.extend(self.grants_under(controller).await?);
        }
        Ok(grants)
    }

    /// The grants of a record.
    pub(crate) async fn grants_under(&self, controller: Address) -> Result<Vec<Held<Grant>>> {
        let query = Query::of(Kind::Grant).owner(hex::encode(controller));
        Ok(self.store.readable::<Grant>(query).await?)
    }

    pub(crate) async fn controllers(&self, patient: B256) -> Result<Vec<Address>> {
        let versions = self.versions(patient, None).await?;
        let mut controllers: Vec<Address> = versions.iter().filter_map(|v| v.controller).collect();
        controllers.sort();
        controllers.dedup();
        Ok(controllers)
    }

    async fn tell(&self, institution: Address, grant: &Grant) -> Result<()> {
        match (grant.stage, grant.revocation_message()) {
            (GrantStage::Given, _) => self.peers.send_grant(institution, &grant.message).await,
            (GrantStage::Erased, _) => self.peers.send_erasure(institution, grant.controller).await,
            (_, Some(message)) => self.peers.send_revocation(institution, &message).await,
            (_, None) => Ok(()),
        }
    }
}
