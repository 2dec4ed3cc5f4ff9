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

use alloy_primitives::{Address, B256, Bytes};
use cid::Cid;
use record::grant::NewGrant;
use record::{Disclosure, GrantDocument, Manifest, PartKeys, Recipient};
use seal::SealingPublic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::{Act, Deployment, SignedAct, check_signature};
use crate::blobs;
use crate::caller::Caller;
use crate::carry::Wish;
use crate::error::{Error, Refusal, Result};
use crate::hospital::{Hospital, random, rng, secret};
use crate::keys::KeyRing;
use crate::notice::News;
use crate::peers::hex_id;
use crate::request::Inbox;
use crate::secrets::{Bound, VersionSecrets, seal_disclosure, seal_part_keys};
use crate::store::{Batch, Document, Documents, Held, Kind, Query};
use crate::touch::{Deed, Entry};

/// Most envelopes of one grant.
const ENVELOPES: usize = 500;

/// What one recipient gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// The recipient's wallet.
    #[schema(value_type = String)]
    pub recipient: Address,
    /// The part keys, sealed.
    #[schema(value_type = String)]
    pub keys: Bytes,
    /// The disclosure, sealed.
    #[schema(value_type = String)]
    pub disclosure: Bytes,
}

/// A part that a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartRef {
    /// Its name in the manifest.
    pub name: String,
    /// CID of the sealed bytes.
    pub cid: String,
}

/// A grant with all that serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantMessage {
    /// The chain that it is for.
    pub chain_id: u64,
    /// The Consents contract that it is for.
    #[schema(value_type = String)]
    pub consents: Address,
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// The controller's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
    /// One envelope for each recipient.
    pub envelopes: Vec<Envelope>,
    /// The parts that it covers.
    pub parts: Vec<PartRef>,
}

/// What a patient's client sends to grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantSubmission {
    /// The grant.
    pub message: GrantMessage,
    /// The patient's index with the grant in it.
    #[schema(value_type = Option<String>)]
    pub index: Option<Bytes>,
    /// How the grant is to be carried. Until it is on chain nobody is served.
    #[serde(flatten)]
    pub wish: Wish,
}

/// How far a grant is, as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStage {
    /// Given; whether it is live, the chain says.
    Given,
    /// Revoked: the envelopes are gone.
    Revoked,
    /// The record was erased: the envelopes are gone.
    Erased,
}

impl GrantStage {
    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
        }
    }
}

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

/// A grant as its patient or its recipient sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// Its id on chain.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// The patient's commitment, at the patient's own institution.
    #[schema(value_type = Option<String>)]
    pub patient: Option<B256>,
    /// How far it is, as this node knows.
    pub stage: GrantStage,
    /// The act that grants.
    #[schema(value_type = Option<String>)]
    pub act: Option<B256>,
    /// The act that revokes.
    #[schema(value_type = Option<String>)]
    pub revocation: Option<B256>,
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

impl GrantMessage {
    /// The document.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn document(&self) -> Result<GrantDocument> {
        Ok(GrantDocument::decode(&self.document)?)
    }

    /// The CID of a granted part, if `cid` is one.
    #[must_use]
    pub fn part_of(&self, cid: &str) -> Option<&PartRef> {
        self.parts.iter().find(|p| p.cid == cid)
    }
}

fn act_of(document: &GrantDocument) -> Act {
    Act::Grant {
        controller: document.controller,
        id: document.id(),
        expiry: document.until,
    }
}

/// What a patient grants from.
pub struct Shared<'a> {
    /// The record's number in the patient's index.
    pub index: u64,
    /// What opens the version.
    pub secrets: &'a VersionSecrets,
    /// The version's manifest.
    pub manifest: &'a Manifest,
}

/// Make a grant: the patient's side. `recipients` are all to whom envelopes go: the person, or
/// everybody who holds the role now.
///
/// # Errors
/// If a part does not exist, a key is unusable, or a field is not allowed.
pub fn give(
    keys: &KeyRing,
    at: &Deployment,
    shared: &Shared<'_>,
    new: NewGrant,
    recipients: &[(Address, SealingPublic)],
    home: Address,
) -> Result<(GrantDocument, GrantMessage)> {
    let document = GrantDocument::new(new, random())?;
    let controller = keys.controller(shared.index);
    let signature = act_of(&document).sign(at, &controller);
    let secrets = shared.secrets;
    let disclosure = Disclosure::of(
        shared.manifest,
        &document.parts,
        secrets.salt,
        secrets.manifest,
    )?;
    let record_key = secrets.record_key();
    let part_key = |name: &String| (name.clone(), secret(record_key.part(name).expose()));
    let part_keys = PartKeys::new(document.parts.iter().map(part_key).collect())?;
    let (plain_keys, plain_disclosure) = (part_keys.encode(), disclosure.encode());
    let seal = |(wallet, public): &(Address, SealingPublic)| -> Result<Envelope> {
        let bound = Bound::to_grantee(at, document.commitment, document.id(), *wallet);
        Ok(Envelope {
            recipient: *wallet,
            keys: seal_part_keys(public, &bound, &plain_keys, &mut rng())?,
            disclosure: seal_disclosure(public, &bound, &plain_disclosure, &mut rng())?,
        })
    };
    let parts = disclosure.parts.iter().map(|p| PartRef {
        name: p.part.name.clone(),
        cid: p.part.cid.to_string(),
    });
    let message = GrantMessage {
        chain_id: at.chain_id,
        consents: at.contracts.consents,
        home,
        document: document.encode().into(),
        signature,
        envelopes: recipients.iter().map(seal).collect::<Result<_>>()?,
        parts: parts.collect(),
    };
    Ok((document, message))
}

/// The inbox of whoever a grant is for.
fn inbox_of(recipient: &Recipient) -> String {
    match recipient {
        Recipient::Person(wallet) => hex::encode(wallet),
        Recipient::Role { institution, role } => {
            format!("{}/{}", hex::encode(institution), role.name())
        }
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
            .try_for_each(|p| blobs::parse_cid(&p.cid).map(|_| ()))?;
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
        Ok(self.store.all::<Grant>(query).await?)
    }

    pub(crate) async fn controllers(&self, patient: B256) -> Result<Vec<Address>> {
        let versions = self.versions(patient, None).await?;
        let mut controllers: Vec<Address> = versions.iter().filter_map(|v| v.controller).collect();
        controllers.sort();
        controllers.dedup();
        Ok(controllers)
    }

    /// Tell the recipients' nodes of grants and revocations that they do not know yet.
    ///
    /// # Errors
    /// If the database does not answer; a silent peer is no error here.
    pub async fn settle_grants(&self) -> Result<()> {
        for mut held in self
            .store
            .all::<Grant>(Query::of(Kind::Grant).due_by(u64::MAX))
            .await?
        {
            let before = held.document.owed.len();
            let mut left = Vec::new();
            for institution in std::mem::take(&mut held.document.owed) {
                if let Err(error) = self.tell(institution, &held.document).await {
                    tracing::warn!(%error, "a grant still has to be brought to its recipient's node");
                    left.push(institution);
                }
            }
            if left.len() == before {
                continue;
            }
            held.document.owed = left;
            let mut batch = Batch::new();
            batch.replace(&held)?;
            self.store.write(&batch).await?;
        }
        Ok(())
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
