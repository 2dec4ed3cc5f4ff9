//! Touches: what goes into the log, one entry for everything that is done with a record.
//!
//! The log itself holds a salted digest ([`ledger::log::entry_digest`]); the entry in the clear stays with the institution
//! and goes to the patient it is about. An entry names wallets, commitments and ids, no words.

use alloy_primitives::{Address, B256};
use api::log::{Deed, ProvenEntry};
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind};
use crate::model::error::{Refusal, Result, StoreError};

/// One entry of the log, in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was done.
    pub deed: Deed,
    /// When, unix seconds.
    pub at: u64,
    /// Who did it.
    pub actor: Address,
    /// The patient's commitment, if it is about one.
    pub patient: Option<B256>,
    /// The record's id at its institution.
    pub record: Option<B256>,
    /// The grant.
    pub grant: Option<B256>,
    /// A part, block or other detail without words about a person.
    pub detail: Option<String>,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
}

impl Entry {
    /// An entry with nothing but what, when and who.
    #[must_use]
    pub fn new(deed: Deed, at: u64, actor: Address) -> Self {
        Self {
            deed,
            at,
            actor,
            patient: None,
            record: None,
            grant: None,
            detail: None,
            refusal: None,
        }
    }

    /// About this patient.
    #[must_use]
    pub fn patient(mut self, patient: B256) -> Self {
        self.patient = Some(patient);
        self
    }

    /// About this record.
    #[must_use]
    pub fn record(mut self, record: B256) -> Self {
        self.record = Some(record);
        self
    }

    /// About this grant.
    #[must_use]
    pub fn grant(mut self, grant: B256) -> Self {
        self.grant = Some(grant);
        self
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the reason of a refusal.
    #[must_use]
    pub fn refusal(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// DAG-CBOR, as it is hashed into the log.
    ///
    /// # Errors
    /// If it cannot be encoded, which no value of these types does.
    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_ipld_dagcbor::to_vec(self).map_err(|e| {
            StoreError::Corrupt {
                kind: Kind::Touch.name(),
                reason: e.to_string(),
            }
            .into()
        })
    }

    /// Read what [`Entry::encode`] wrote.
    ///
    /// # Errors
    /// If the bytes are no entry.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        serde_ipld_dagcbor::from_slice(bytes)
            .map_err(|e| crate::model::error::Error::invalid("log entry", e.to_string()))
    }

    /// The entry of a log, after checking that the log holds it. An entry that no checkpoint covers
    /// yet is an error: ask for a checkpoint first.
    ///
    /// # Errors
    /// If the proof does not hold.
    pub fn proven(by: &ProvenEntry) -> Result<Self> {
        by.proof().verify()?;
        Self::decode(&by.entry)
    }
}

/// A log entry at its place, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Its place in the log, from 0.
    pub leaf: u64,
    /// The patient it is about, so that patients can be given theirs.
    pub patient: Option<B256>,
    /// Random; without it the digest in the log says nothing.
    pub salt: B256,
    /// The entry, DAG-CBOR.
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
    /// The patient's own institution, while it still has to be told of it.
    #[serde(default)]
    pub owed: Option<Address>,
}

impl Touch {
    /// The salted digest, the data of the log's leaf.
    #[must_use]
    pub fn salted_digest(&self) -> B256 {
        ledger::log::entry_digest(&self.salt.0, &self.entry)
    }

    /// Its id in the store: sorts like the number.
    #[must_use]
    pub fn id_of(leaf: u64) -> String {
        format!("{leaf:016x}")
    }
}

impl Document for Touch {
    const KIND: Kind = Kind::Touch;

    fn id(&self) -> String {
        Self::id_of(self.leaf)
    }

    fn owner(&self) -> String {
        self.patient.map(hex::encode).unwrap_or_default()
    }

    fn due_at(&self) -> u64 {
        // Whatever is owed is owed at once; the job comes round by itself.
        u64::from(self.owed.is_some())
    }
}
