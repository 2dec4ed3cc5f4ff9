//! Erasure: the patient ends a record.
//!
//! ```text
//! committed ──controller signs──► erasing: nothing is served any more ──chain: erased──►
//! erased: blobs unpinned and collected at every holder, which signs that it did; envelopes, keys
//!         and salts deleted here and at the recipients' nodes; the journal rewritten without them
//! ```
//!
//! What remains is a commitment on chain that says nothing without its salt, and log entries that
//! name no content. Stele claims no more than that.

use std::time::Duration;

use acts::{Act, SignedAct};
use alloy_primitives::{Address, Bytes};
use api::acts::Progress;
use api::consent::GrantStage;
use api::log::Deed;
use api::peers::{Deletion, ErasureMessage};
use api::records::{EraseOrder, Stage};
use async_trait::async_trait;
use cid::Cid;

use crate::model::act::Errand;
use crate::model::caller::Caller;
use crate::model::chain_facts::RecordFacts;
use crate::model::cid::parse_cid;
use crate::model::document::{Batch, Held, Kind, Query};
use crate::model::erasure::Erasure;
use crate::model::error::{Error, Result};
use crate::model::log_entry::Entry;
use crate::model::version::Version;
use crate::ports::store::Documents;
use crate::uses::hospital::Hospital;
use crate::uses::lifecycle::{Lifecycle, Limits, Step};
use crate::uses::signature::check_signature;

/// How long one attempt to delete every copy of a record may take.
const DELETING: Duration = Duration::from_secs(600);

/// Erasures that were ordered: they are finished once the chain has taken them.
#[derive(Debug, Default)]
pub struct Erasures;

#[async_trait]
impl Lifecycle for Erasures {
    type Document = Erasure;

    fn name(&self) -> &'static str {
        "erasures"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Erasure).due_by(u64::MAX)
    }

    fn limits(&self) -> Limits {
        Limits {
            step: DELETING,
            ..Limits::default()
        }
    }

    async fn step(&self, hospital: &Hospital, held: Held<Erasure>) -> Result<Step> {
        hospital.settle_erasure(held).await
    }
}

impl Hospital {
    /// Erase a record of a patient of this hospital. Ordering it again returns how far it is.
    ///
    /// # Errors
    /// If there is no such record or the signature does not hold.
    pub async fn erase(&self, by: &Caller, order: EraseOrder) -> Result<Erasure> {
        let patient = by.patient.ok_or(Error::NotFound("patient"))?;
        if let Some(known) = self.erasure(order.controller).await? {
            return if known.patient == patient {
                Ok(known)
            } else {
                Err(Error::NotFound("record"))
            };
        }
        let versions = self.versions(patient, None).await?;
        let of_record = |v: &&Version| v.controller == Some(order.controller);
        let series = versions
            .iter()
            .find(of_record)
            .ok_or(Error::NotFound("record"))?
            .series;
        let act = Act::Erase {
            controller: order.controller,
            deadline: order.deadline,
        };
        let digest = act.digest(self.deployment());
        let (signer, signature) = (order.controller, &order.signature);
        check_signature(self.chain.as_ref(), "erasure", signer, digest, signature).await?;
        let signed = SignedAct {
            act,
            signatures: vec![order.signature.clone()],
        };
        self.chain.check(&signed).await?;
        let errand = Errand::new(signed, self.deployment(), self.now());
        let blobs = versions
            .iter()
            .filter(|v| v.series == series)
            .flat_map(Version::blobs);
        let mut cids: Vec<String> = blobs.map(|cid| cid.to_string()).collect();
        cids.sort();
        cids.dedup();
        let erasure = Erasure {
            controller: order.controller,
            patient,
            act: errand.id,
            cids,
            done: false,
            statements: Vec::new(),
            missing: Vec::new(),
            ordered_at: self.now(),
        };
        let mut batch = Batch::new();
        batch.create(&erasure)?;
        self.enlist(&mut batch, &errand).await?;
        self.close_grants(&mut batch, order.controller).await?;
        let old = self.turn_index(&mut batch, by.wallet, &order.index).await?;
        let entry = Entry::new(Deed::Erase, self.now(), by.wallet)
            .patient(patient)
            .record(series);
        self.write(batch, entry).await?;
        self.spread_index(by.wallet, old).await;
        self.errands.notify_one();
        Ok(erasure)
    }

    async fn close_grants(&self, batch: &mut Batch, controller: Address) -> Result<()> {
        for mut held in self.grants_under(controller).await? {
            if held.document.stage == GrantStage::Given {
                let document = held.document.message.document()?;
                held.document.close(GrantStage::Erased);
                held.document.owed = self.elsewhere_of(&document.recipient).await?;
                batch.replace(&held)?;
            }
        }
        Ok(())
    }

    /// How far an erasure is.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn erasure(&self, controller: Address) -> Result<Option<Erasure>> {
        let held = self.store.load::<Erasure>(&hex::encode(controller)).await?;
        Ok(held.map(|h| h.document))
    }

    async fn settle_erasure(&self, held: Held<Erasure>) -> Result<Step> {
        if self.chain.record(held.document.controller).await? == RecordFacts::Erased {
            return self.finish_erasure(held).await;
        }
        if self.errand(held.document.act).await?.progress == Progress::Failed {
            tracing::error!("the chain refused an erasure");
            return Ok(Step::Later);
        }
        Ok(Step::Waiting)
    }

    async fn finish_erasure(&self, mut held: Held<Erasure>) -> Result<Step> {
        let (controller, patient) = (held.document.controller, held.document.patient);
        let cids = parse_all(&held.document.cids)?;
        let versions = self.versions(patient, None).await?;
        let series = versions
            .iter()
            .find(|v| v.controller == Some(controller))
            .map(|v| v.series);
        let mut batch = Batch::new();
        for version in versions.iter().filter(|v| Some(v.series) == series) {
            let held = self.version_of(patient, version.record).await?;
            let document = gone(held.document, controller);
            batch.replace(&Held {
                document,
                version: held.version,
            })?;
        }
        let (statements, missing) = self.delete_copies(&cids).await?;
        held.document.statements.extend(statements);
        let done = missing.is_empty();
        held.document.done = done;
        held.document.missing = missing;
        batch.replace(&held)?;
        let entry = Entry::new(Deed::Delete, self.now(), self.address()).patient(patient);
        self.write(batch, entry.detail(hex::encode(controller)))
            .await?;
        self.forget_for_good().await?;
        Ok(if done { Step::Moved } else { Step::Later })
    }

    /// Envelopes that were deleted from the database leave the journal too.
    async fn forget_for_good(&self) -> Result<()> {
        self.store.snapshot().await?;
        self.vault.gc().await?;
        Ok(())
    }

    async fn delete_copies(&self, cids: &[Cid]) -> Result<(Vec<Deletion>, Vec<String>)> {
        let (mut deletions, mut missing) = (Vec::new(), Vec::new());
        for cid in cids {
            let (receipts, failures) = self.replicator.erase(cid).await?;
            missing.extend(failures);
            for receipt in receipts {
                deletions.push(Deletion {
                    holder: receipt.holder.clone(),
                    cid: cid.to_string(),
                    at: receipt.at,
                    receipt: receipt.to_bytes()?.into(),
                });
            }
        }
        Ok((deletions, missing))
    }

    /// Delete the envelopes of a record that another institution's patient erased. The chain is
    /// asked whether it was.
    ///
    /// # Errors
    /// If the record was not erased.
    pub async fn receive_erasure(&self, from: Address, message: ErasureMessage) -> Result<()> {
        if self.chain.record(message.controller).await? != RecordFacts::Erased {
            return Err(Error::invalid("controller", "this record was not erased"));
        }
        let mut batch = Batch::new();
        for mut held in self.grants_under(message.controller).await? {
            if held.document.stage == GrantStage::Given {
                held.document.close(GrantStage::Erased);
                batch.replace(&held)?;
            }
        }
        if batch.0.is_empty() {
            return Ok(());
        }
        let entry = Entry::new(Deed::Delete, self.now(), from);
        self.write(batch, entry.detail(hex::encode(message.controller)))
            .await?;
        self.forget_for_good().await
    }
}

pub(crate) fn parse_all(cids: &[String]) -> Result<Vec<Cid>> {
    cids.iter().map(|cid| parse_cid(cid)).collect()
}

/// A version without anything that opens it or points to it.
pub(crate) fn gone(version: Version, controller: Address) -> Version {
    Version {
        stage: Stage::Erased,
        controller: Some(controller),
        parts: Vec::new(),
        package: None,
        to_patient: Bytes::new(),
        to_institution: Bytes::new(),
        reason: None,
        ..version
    }
}
