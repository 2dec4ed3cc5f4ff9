//! Approval: nothing enters a patient's record without the patient.
//!
//! ```text
//!            ┌──approve: the controller and the institution sign──► committing ──chain──► committed
//! pending ───┤                                                          │
//!            └──refuse: reason sealed to the author──► refused          └─chain refuses─► pending
//! ```
//!
//! The patient's client opens the envelope, fetches the sealed manifest and parts, checks every CID
//! and the author's signature, and computes the commitment itself; the node is believed nothing.

use acts::{Act, SignedAct};
use alloy_primitives::{Address, B256, Bytes};
use api::log::Deed;
use api::records::{Approval, RefusalNote, Stage};
use async_trait::async_trait;
use cid::Cid;
use record::SealedIndex;

use crate::model::caller::Caller;
use crate::model::chain_facts::RecordFacts;
use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::index_page::IndexPage;
use crate::model::log_entry::Entry;
use crate::model::notice::News;
use crate::model::version::Version;
use crate::ports::store::Documents;
use crate::uses::blobs;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Step};
use crate::uses::signature::check_signature;

/// The largest sealed index, bytes.
pub(crate) const INDEX_BYTES: usize = record::limits::INDEX_BYTES;

/// Versions whose commit the chain has taken, or refused: they move to where they belong.
#[derive(Debug, Default)]
pub struct Commits;

#[async_trait]
impl Lifecycle for Commits {
    type Document = Version;

    fn name(&self) -> &'static str {
        "commits"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Record).state(Stage::Committing.name())
    }

    fn target(&self, _version: &Version) -> Option<String> {
        Some("chain".to_owned())
    }

    async fn step(&self, hospital: &Hospital, held: Held<Version>) -> Result<Step> {
        hospital.settle_commit(held).await
    }
}

impl Hospital {
    /// The versions of a patient, those in `stage` only if one is given.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn versions(&self, patient: B256, stage: Option<Stage>) -> Result<Vec<Version>> {
        let mut query = Query::of(Kind::Record).owner(hex_id(patient));
        if let Some(stage) = stage {
            query = query.state(stage.name());
        }
        let held = self.store.readable::<Version>(query).await?;
        let visible = held
            .into_iter()
            .map(|h| h.document)
            .filter(|v| v.stage != Stage::Signed);
        Ok(visible.collect())
    }

    /// A version of this patient.
    pub(crate) async fn version_of(&self, patient: B256, record: B256) -> Result<Held<Version>> {
        let held = self.store.load::<Version>(&hex_id(record)).await?;
        held.filter(|h| h.document.patient == patient && h.document.stage != Stage::Signed)
            .ok_or(Error::NotFound("record"))
    }

    /// Approve: the controller's signature and the institution's make the commit. Approving again
    /// returns what is there.
    ///
    /// # Errors
    /// If the signature or the index does not hold, or the version is not pending.
    pub async fn approve(
        &self,
        patient: B256,
        record: B256,
        approval: Approval,
    ) -> Result<Version> {
        let mut held = self.version_of(patient, record).await?;
        let version = &mut held.document;
        if matches!(version.stage, Stage::Committing | Stage::Committed) {
            return Ok(version.clone());
        }
        if version.stage != Stage::Pending {
            return Err(Error::State {
                what: "record",
                state: version.stage.name().to_owned(),
            });
        }
        let act = Act::Commit {
            controller: approval.controller,
            version: version.version,
            previous: version.previous.unwrap_or_default(),
            commitment: version.commitment,
            institution: self.address(),
            deadline: approval.deadline,
        };
        let signed = self.countersign(act, &approval).await?;
        let wallet = self.patient(patient).await?.wallet();
        let errand = self.errand_of(signed, wallet, approval.wish).await?;
        version.stage = Stage::Committing;
        version.controller = Some(approval.controller);
        version.errand = Some(errand.id);
        let author = version.author;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let news = News::new("record_approved", "/authored").with("record", record);
        self.tell_person(&mut batch, author, news).await?;
        self.enlist(&mut batch, &errand).await?;
        let old = self.turn_index(&mut batch, wallet, &approval.index).await?;
        let entry = Entry::new(Deed::Approve, self.now(), wallet)
            .patient(patient)
            .record(record);
        self.write(batch, entry).await?;
        self.errands.notify_one();
        self.spread_index(wallet, old).await;
        Ok(held.document)
    }

    async fn countersign(&self, act: Act, approval: &Approval) -> Result<SignedAct> {
        let digest = act.digest(self.deployment());
        let (signer, signature) = (approval.controller, &approval.signature);
        check_signature(self.chain.as_ref(), "commit", signer, digest, signature).await?;
        let mut signed = self.sign(act);
        signed.signatures.push(approval.signature.clone());
        self.chain.check(&signed).await?;
        Ok(signed)
    }

    /// Take a patient's new index in a batch; the CID of the one before.
    pub(crate) async fn turn_index(
        &self,
        batch: &mut Batch,
        owner: Address,
        sealed: &Bytes,
    ) -> Result<Option<Cid>> {
        if sealed.len() > INDEX_BYTES {
            return Err(Error::TooLarge {
                what: "the index",
                limit: INDEX_BYTES as u64,
            });
        }
        let index = SealedIndex::decode(sealed)?;
        if index.owner != owner {
            return Err(Error::invalid("index", "it is another patient's"));
        }
        let digest = index.digest(&self.deployment().records());
        check_signature(
            self.chain.as_ref(),
            "index",
            owner,
            digest,
            &index.signature,
        )
        .await?;
        let before = self.store.load::<IndexPage>(&hex::encode(owner)).await?;
        let cid = blobs::keep(self.vault.as_ref(), bytes::Bytes::from(sealed.to_vec())).await?;
        let page = IndexPage {
            owner,
            sealed: sealed.clone(),
            cid,
        };
        let Some(held) = before else {
            batch.create(&page)?;
            return Ok(None);
        };
        let old = held.document.cid;
        match SealedIndex::decode(&held.document.sealed)?.order(&index)? {
            record::Order::Same => return Ok(None),
            record::Order::Next => {}
            record::Order::Later | record::Order::Older => {
                return Err(Error::invalid(
                    "index",
                    "it does not follow the one kept here",
                ));
            }
        }
        batch.replace(&Held {
            document: page,
            ..held
        })?;
        Ok((old != cid).then_some(old))
    }

    /// Take a patient's new index by itself: what changed is the patient's own business.
    ///
    /// # Errors
    /// If the caller is no patient here, or the index is not theirs or does not follow.
    pub async fn set_index(&self, by: &Caller, sealed: &Bytes) -> Result<()> {
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        let mut batch = Batch::new();
        let old = self.turn_index(&mut batch, by.wallet, sealed).await?;
        if batch.0.is_empty() {
            return Ok(());
        }
        let entry = Entry::new(Deed::Index, self.now(), by.wallet).patient(patient);
        self.write(batch, entry).await?;
        self.spread_index(by.wallet, old).await;
        Ok(())
    }

    /// Have the newest index of a patient held elsewhere too, and the one before deleted. The
    /// index is taken already; what fails here is made up for by the repair job.
    pub(crate) async fn spread_index(&self, owner: Address, old: Option<Cid>) {
        let spread = async {
            if let Some(page) = self.index(owner).await? {
                self.replicate(&[page.cid]).await?;
            }
            if let Some(old) = old {
                self.replicator.erase(&old).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = spread.await {
            tracing::warn!(%error, "a patient's index lacks copies");
        }
    }

    /// The newest sealed index of a patient.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn index(&self, owner: Address) -> Result<Option<IndexPage>> {
        Ok(self
            .store
            .load::<IndexPage>(&hex::encode(owner))
            .await?
            .map(|h| h.document))
    }

    /// Refuse: the version will never be committed; its author is told why, sealed.
    ///
    /// # Errors
    /// If the version is not pending.
    pub async fn refuse(&self, patient: B256, record: B256, note: RefusalNote) -> Result<Version> {
        let mut held = self.version_of(patient, record).await?;
        if held.document.stage == Stage::Refused {
            return Ok(held.document);
        }
        if held.document.stage != Stage::Pending {
            let state = held.document.stage.name().to_owned();
            return Err(Error::State {
                what: "record",
                state,
            });
        }
        if note.reason.len() > record::limits::REASON_BYTES + seal::envelope::OVERHEAD {
            return Err(Error::invalid("reason", "it is too long"));
        }
        held.document.stage = Stage::Refused;
        held.document.reason = Some(note.reason);
        let wallet = self.patient(patient).await?.wallet();
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let news = News::new("record_refused", "/authored").with("record", record);
        self.tell_person(&mut batch, held.document.author, news)
            .await?;
        let entry = Entry::new(Deed::Refuse, self.now(), wallet)
            .patient(patient)
            .record(record);
        self.write(batch, entry).await?;
        Ok(held.document)
    }

    async fn settle_commit(&self, mut held: Held<Version>) -> Result<Step> {
        let Some(controller) = held.document.controller else {
            return Ok(Step::Waiting);
        };
        let next = self.committed_or_not(&held.document, controller).await?;
        if next == held.document.stage {
            return Ok(Step::Waiting);
        }
        held.document.stage = next;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        let done = next == Stage::Committed;
        let kind = if done { "act_final" } else { "act_failed" };
        let news = News::new(kind, format!("/records/{}", held.document.record))
            .with("act", held.document.errand.unwrap_or_default())
            .with("name", "commit");
        self.tell_patient(&mut batch, Some(held.document.patient), news)
            .await?;
        self.store.write(&batch).await?;
        Ok(Step::Moved)
    }

    async fn committed_or_not(&self, version: &Version, controller: Address) -> Result<Stage> {
        match self.chain.record(controller).await? {
            RecordFacts::At { commitment, .. } if commitment == version.commitment => {
                return Ok(Stage::Committed);
            }
            // A later version stands: this one was committed before it.
            RecordFacts::At {
                version: standing, ..
            } if standing > version.version => {
                return Ok(Stage::Committed);
            }
            _ => {}
        }
        let Some(errand) = version.errand else {
            return Ok(version.stage);
        };
        match self.errand(errand).await?.progress {
            api::acts::Progress::Failed => Ok(Stage::Pending),
            _ => Ok(version.stage),
        }
    }
}
