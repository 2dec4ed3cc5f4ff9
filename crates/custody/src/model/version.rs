//! Version.

use acts::Act;
use alloy_primitives::{Address, B256, Bytes, Keccak256};
use api::records::{Stage, VersionView};
use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

impl Version {
    /// As its patient sees it.
    #[must_use]
    pub fn to_patient(&self) -> VersionView {
        let envelope = (!self.to_patient.is_empty()).then(|| self.to_patient.clone());
        VersionView {
            envelope,
            reason: None,
            ..self.view()
        }
    }

    /// As its author sees it.
    #[must_use]
    pub fn to_author(&self) -> VersionView {
        self.view()
    }

    pub(crate) fn view(&self) -> VersionView {
        VersionView {
            record: self.record,
            series: self.series,
            stage: self.stage,
            author: self.author,
            institution: self.institution,
            patient: self.patient,
            version: self.version,
            previous: self.previous,
            created_at: self.created_at,
            commitment: self.commitment,
            manifest: self.manifest.to_string(),
            parts: self.parts.iter().map(Cid::to_string).collect(),
            controller: self.controller,
            envelope: None,
            act: self.errand,
            reason: self.reason.clone(),
        }
    }
}

/// The act that commits a version under its controller.
pub fn commit_act(
    header: &record::Header,
    controller: Address,
    commitment: B256,
    deadline: u64,
) -> Act {
    Act::Commit {
        controller,
        version: header.version,
        previous: header.previous.unwrap_or_default(),
        commitment,
        institution: header.institution,
        deadline,
    }
}

/// A record version made here, as the store keeps it. Nothing in it is readable without a
/// sealing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What was uploaded, as the draft had it: the same key may not stand for something else later.
    pub fingerprint: B256,
    /// Its id at this hospital.
    pub record: B256,
    /// The id of the record's first version.
    pub series: B256,
    /// The patient's commitment.
    pub patient: B256,
    /// Who made it.
    pub author: Address,
    /// The institution.
    pub institution: Address,
    /// Its number, from 1.
    pub version: u64,
    /// The commitment of the version that it corrects.
    pub previous: Option<B256>,
    /// When it was made.
    pub created_at: u64,
    /// Its commitment.
    pub commitment: B256,
    /// The sealed manifest.
    pub manifest: Cid,
    /// The sealed parts.
    pub parts: Vec<Cid>,
    /// A sealed copy of this document in the vault, for the replicas.
    pub package: Option<Cid>,
    /// The keys, sealed to the patient.
    pub to_patient: Bytes,
    /// The keys, sealed to the institution.
    pub to_institution: Bytes,
    /// How far it is.
    pub stage: Stage,
    /// The record's controller, once approved.
    pub controller: Option<Address>,
    /// The act that commits or erases it.
    pub errand: Option<B256>,
    /// The reason of a refusal, sealed to the author.
    pub reason: Option<Bytes>,
}

impl Document for Version {
    const KIND: Kind = Kind::Record;
    fn id(&self) -> String {
        hex_id(self.record)
    }
    fn owner(&self) -> String {
        hex_id(self.patient)
    }
    fn state(&self) -> String {
        self.stage.name().to_owned()
    }
}

impl Version {
    /// Every blob of it.
    #[must_use]
    pub fn blobs(&self) -> Vec<Cid> {
        let own = [Some(self.manifest), self.package];
        self.parts
            .iter()
            .copied()
            .chain(own.into_iter().flatten())
            .collect()
    }
}

/// The id of the record that an author makes under an idempotency key.
#[must_use]
pub fn record_id(institution: Address, author: Address, key: &str) -> B256 {
    let mut hash = Keccak256::new();
    hash.update(b"stele/record/v1");
    hash.update(institution);
    hash.update(author);
    hash.update(key.as_bytes());
    hash.finalize()
}
