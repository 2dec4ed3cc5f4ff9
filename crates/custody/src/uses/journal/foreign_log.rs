//! What recipients do elsewhere comes into the patient's trail at home.
//!
//! ```text
//! (recipient's node) open, part or refusal: logged ──► owed to the patient's institution ──► told
//! (patient's node)   entry and salt: kept, the patient is told ──► proof, once a checkpoint of the
//!                    other log is on chain ──► in the trail, and in proof bundles
//! ```
//!
//! The grant names the patient's institution; the recipient's node knows no patient. An entry says
//! of itself in whose log it is, and its proof leads to a checkpoint that this institution anchored:
//! the patient's own node cannot invent one. A recipient's node that tells of none still has it in
//! its own log, which an auditor reads.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use api::log::{Deed, ProofQuery, ProvenEntry};
use async_trait::async_trait;
use futures_util::future::join_all;

use crate::model::document::{Batch, Held, Kind, Query, hex_id};
use crate::model::error::{Error, Result, StoreError};
use crate::model::foreign_entry::Abroad;
use crate::model::grant::Grant;
use crate::model::log_entry::{Entry, Touch};
use crate::model::notice::News;
use crate::ports::store::Documents;
use crate::uses::hospital::{Hospital, log_failed};
use crate::uses::lifecycle::{Lifecycle, Step};

/// Entries whose proofs are asked for at once.
pub const PROOFS: usize = 200;

/// The largest log entry of another institution, bytes.
pub(crate) const ENTRY: usize = 4096;

/// Log entries of which the patients' institutions still have to be told: what was done here with
/// their patients' grants.
#[derive(Debug, Default)]
pub struct EntryDeliveries;

#[async_trait]
impl Lifecycle for EntryDeliveries {
    type Document = Touch;

    fn name(&self) -> &'static str {
        "entry_deliveries"
    }

    fn due(&self, _now: u64) -> Query {
        Query::of(Kind::Touch).due_by(1)
    }

    fn target(&self, touch: &Touch) -> Option<String> {
        touch.owed.map(hex::encode)
    }

    async fn step(&self, hospital: &Hospital, mut held: Held<Touch>) -> Result<Step> {
        let Some(home) = held.document.owed else {
            return Ok(Step::Moved);
        };
        let proven = hospital.prove(held.document.clone(), 0, B256::ZERO).await?;
        hospital.peers.send_touch(home, &proven).await?;
        held.document.owed = None;
        let mut batch = Batch::new();
        batch.replace(&held)?;
        hospital.store.write(&batch).await?;
        Ok(Step::Moved)
    }
}

pub(crate) fn is_about_grants(entry: &Entry) -> bool {
    matches!(entry.deed, Deed::Open | Deed::Serve | Deed::Refused) && entry.grant.is_some()
}

impl Hospital {
    // ---- the recipient's node ----

    /// Proofs, for the patients' institution, of entries about grants that it brought here, in the
    /// last checkpoint that the chain holds. Others are left out.
    ///
    /// # Errors
    /// If too many are asked for, or the log or the chain does not answer.
    pub async fn prove_for(&self, home: Address, query: ProofQuery) -> Result<Vec<ProvenEntry>> {
        if query.leaves.len() > PROOFS {
            return Err(Error::invalid("leaves", format!("at most {PROOFS}")));
        }
        let size = self.anchored_size().await?;
        let root = self.log.root(size).await.map_err(log_failed)?;
        let mut proofs = Vec::new();
        for leaf in query.leaves.into_iter().filter(|leaf| *leaf < size) {
            let Some(held) = self.store.load::<Touch>(&Touch::id_of(leaf)).await? else {
                continue;
            };
            let entry = Entry::decode(&held.document.entry)?;
            if is_about_grants(&entry) && self.brought_by(entry.grant, home).await? {
                proofs.push(self.prove(held.document, size, root).await?);
            }
        }
        Ok(proofs)
    }

    async fn brought_by(&self, grant: Option<B256>, home: Address) -> Result<bool> {
        let Some(grant) = grant else {
            return Ok(false);
        };
        let held = self.store.load::<Grant>(&hex_id(grant)).await?;
        Ok(held.is_some_and(|h| h.document.message.home == home))
    }

    // ---- the patient's node ----

    /// Take an entry that a recipient's institution brings.
    ///
    /// # Errors
    /// If it is not of that institution's log, or not about a grant that goes there.
    pub async fn receive_touch(&self, from: Address, proven: ProvenEntry) -> Result<()> {
        if proven.institution != from {
            return Err(Error::invalid("institution", "it is of another log"));
        }
        if proven.entry.len() > ENTRY {
            return Err(Error::TooLarge {
                what: "a log entry",
                limit: ENTRY as u64,
            });
        }
        let entry = Entry::decode(&proven.entry)?;
        if !is_about_grants(&entry) || entry.patient.is_some() || entry.record.is_some() {
            return Err(Error::invalid("entry", "it is about no grant elsewhere"));
        }
        let key = Abroad::key(from, proven.leaf);
        if self.store.load::<Abroad>(&key).await?.is_some() {
            return Ok(());
        }
        let patient = self.patient_of_grant(entry.grant, from).await?;
        // A proof is asked for when there can be one; what comes with the entry is not needed.
        let proven = ProvenEntry {
            size: 0,
            root: B256::ZERO,
            path: Vec::new(),
            ..proven
        };
        let mut batch = Batch::new();
        batch.create(&Abroad { patient, proven })?;
        self.tell_of_touch(&mut batch, entry.patient(patient), from)
            .await?;
        self.store.write(&batch).await?;
        Ok(())
    }

    async fn tell_of_touch(&self, batch: &mut Batch, entry: Entry, from: Address) -> Result<()> {
        if let Some(refusal) = entry.refusal {
            return self.tell_refusal(batch, &entry, refusal.code()).await;
        }
        if entry.deed != Deed::Open {
            return Ok(());
        }
        let grant = entry.grant.unwrap_or_default();
        let news = News::new("opened", format!("/grants/{grant}"))
            .with("grant", grant)
            .with("by", entry.actor)
            .with("at", from);
        self.tell_patient(batch, entry.patient, news).await
    }

    /// Whose grant it is, given here to a recipient of that institution.
    async fn patient_of_grant(&self, grant: Option<B256>, at: Address) -> Result<B256> {
        let missing = || Error::NotFound("grant");
        let id = hex_id(grant.ok_or_else(missing)?);
        let held = self.store.load::<Grant>(&id).await?;
        let grant = held.ok_or_else(missing)?.document;
        let institution = match grant.message.document()?.recipient {
            record::Recipient::Role { institution, .. } => Some(institution),
            // Suspended or not: what they tried is told.
            record::Recipient::Person(wallet) => {
                let facts = self.chain.staff(wallet).await?;
                facts.map(|f| f.institution)
            }
        };
        let patient = grant.patient.filter(|_| institution == Some(at));
        patient.ok_or_else(missing)
    }

    /// What other institutions' logs hold about a patient's grants. Proofs that are missing are
    /// asked for; without an answer the entries are shown unproven.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn abroad(&self, patient: B256) -> Result<Vec<ProvenEntry>> {
        let of_patient = Query::of(Kind::Abroad).owner(hex_id(patient));
        let mut known = self.store.readable::<Abroad>(of_patient).await?;
        self.fetch_proofs(&mut known).await?;
        Ok(known.into_iter().map(|h| h.document.proven).collect())
    }

    async fn fetch_proofs(&self, known: &mut [Held<Abroad>]) -> Result<()> {
        let mut wanted: BTreeMap<Address, Vec<u64>> = BTreeMap::new();
        for held in known.iter().filter(|h| h.document.proven.size == 0) {
            let proven = &held.document.proven;
            let leaves = wanted.entry(proven.institution).or_default();
            if leaves.len() < PROOFS {
                leaves.push(proven.leaf);
            }
        }
        let ask = wanted.iter().map(|(institution, leaves)| async move {
            let asked = self.peers.proofs(*institution, leaves).await;
            asked.unwrap_or_else(|error| {
                tracing::warn!(%error, "a log entry of another institution stays unproven for now");
                Vec::new()
            })
        });
        for proven in join_all(ask).await.into_iter().flatten() {
            let same = |h: &&mut Held<Abroad>| {
                let told = &h.document.proven;
                (told.institution, told.leaf) == (proven.institution, proven.leaf)
            };
            if let Some(held) = known.iter_mut().find(same) {
                self.keep_proof(held, proven).await?;
            }
        }
        Ok(())
    }

    /// Keep a proof if it is of the very entry that was told before.
    async fn keep_proof(&self, held: &mut Held<Abroad>, proven: ProvenEntry) -> Result<()> {
        let told = &held.document.proven;
        if proven.entry != told.entry || proven.salt != told.salt || Entry::proven(&proven).is_err()
        {
            tracing::error!("another institution proves another entry than it told of");
            return Ok(());
        }
        held.document.proven = proven;
        let mut batch = Batch::new();
        batch.replace(held)?;
        match self.store.write(&batch).await {
            // Another request was faster with the same proof.
            Err(Error::Store(StoreError::Conflict { .. })) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
