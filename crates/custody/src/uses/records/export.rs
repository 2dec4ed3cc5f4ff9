//! Export: the patient takes a record along, with everything that proves it.
//!
//! The node hands over its evidence: log entries about the record with inclusion proofs in a
//! checkpoint that is anchored, the grants, the transactions. The patient's client adds what only
//! it can read, and makes the [`ProofBundle`] that anyone can check against the chain alone.

use alloy_primitives::B256;
use api::acts::Progress;
use api::log::{Deed, ProvenEntry};
use api::records::{Carriage, Evidence};
use futures_util::TryStreamExt as _;
use record::GrantDocument;

use crate::model::document::{Kind, Query, hex_id};
use crate::model::error::{Error, Result};
use crate::model::log_entry::{Entry, Touch};
use crate::ports::store::Documents;
use crate::uses::hospital::{Hospital, log_failed};

impl Hospital {
    /// The evidence about one version of a patient. The export itself is logged first.
    ///
    /// # Errors
    /// If there is no such version, or the log or database does not answer.
    pub async fn evidence(&self, patient: B256, record: B256) -> Result<Evidence> {
        let version = self.version_of(patient, record).await?.document;
        let controller = version.controller.ok_or(Error::State {
            what: "record",
            state: version.stage.name().to_owned(),
        })?;
        let wallet = self.patient(patient).await?.wallet();
        let entry = Entry::new(Deed::Export, self.now(), wallet)
            .patient(patient)
            .record(record);
        self.touch(entry).await?;
        let held = self.grants_under(controller).await?;
        let of_version = |d: &GrantDocument| d.commitment == version.commitment;
        let mut grants = Vec::new();
        let mut ids = Vec::new();
        let mut errands = vec![version.errand];
        for grant in held.into_iter().map(|h| h.document) {
            if of_version(&grant.message.document()?) {
                ids.push(grant.id);
                grants.push(grant.message.document.clone());
                errands.extend([grant.errand, grant.revocation]);
            }
        }
        let about = |e: &Entry| {
            e.record == Some(record) || e.grant.is_some_and(|grant| ids.contains(&grant))
        };
        let mut log = self
            .proven(patient, self.anchored_size().await?, about)
            .await?;
        for proven in self.abroad(patient).await? {
            if proven.size > 0 && about(&Entry::decode(&proven.entry)?) {
                log.push(proven);
            }
        }
        let transactions = self.carriages(errands.into_iter().flatten()).await?;
        Ok(Evidence {
            log,
            grants,
            transactions,
        })
    }

    async fn carriages(&self, errands: impl Iterator<Item = B256>) -> Result<Vec<Carriage>> {
        let mut transactions = Vec::new();
        for id in errands {
            let errand = self.errand(id).await?;
            if let (Some(hash), Progress::Included | Progress::Final) = (errand.tx, errand.progress)
            {
                transactions.push(Carriage {
                    what: errand.signed.act.name().to_owned(),
                    hash,
                });
            }
        }
        Ok(transactions)
    }

    /// Size of the last checkpoint that the chain holds and this log covers.
    pub(crate) async fn anchored_size(&self) -> Result<u64> {
        let anchored = self.chain.anchored(self.address()).await?;
        let size = self.log.size().await.map_err(log_failed)?;
        if anchored > size {
            return Err(Error::Log(format!(
                "the chain knows {anchored} entries, here are {size}"
            )));
        }
        Ok(anchored)
    }

    /// All log entries about a patient, each proven in the last signed checkpoint; then those of
    /// other institutions' logs, proven in a checkpoint that the chain holds.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn trail(&self, patient: B256) -> Result<Vec<ProvenEntry>> {
        let checkpoint = self.log.latest_checkpoint().await.map_err(log_failed)?;
        let size = checkpoint.map_or(0, |c| c.size);
        let mut entries = self.proven(patient, size, |_| true).await?;
        entries.extend(self.abroad(patient).await?);
        Ok(entries)
    }

    async fn proven(
        &self,
        patient: B256,
        size: u64,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<ProvenEntry>> {
        let root = self.log.root(size).await.map_err(log_failed)?;
        let query = Query::of(Kind::Touch).owner(hex_id(patient));
        let mut entries = Vec::new();
        let mut touches = self.store.each::<Touch>(query);
        while let Some(held) = touches.try_next().await? {
            if wanted(&Entry::decode(&held.document.entry)?) {
                entries.push(self.prove(held.document, size, root).await?);
            }
        }
        Ok(entries)
    }

    pub(crate) async fn prove(&self, touch: Touch, size: u64, root: B256) -> Result<ProvenEntry> {
        let covered = touch.leaf < size;
        let path = if covered {
            self.log
                .inclusion(touch.leaf, size)
                .await
                .map_err(log_failed)?
                .path
        } else {
            Vec::new()
        };
        Ok(ProvenEntry {
            institution: self.address(),
            leaf: touch.leaf,
            entry: touch.entry.into(),
            salt: touch.salt,
            size: if covered { size } else { 0 },
            root: if covered { root } else { B256::ZERO },
            path,
        })
    }
}
