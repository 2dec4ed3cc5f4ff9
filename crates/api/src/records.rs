//! Record versions from draft to erasure.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::Wish;
use crate::log::ProvenEntry;
use crate::peers::Deletion;
use crate::people::PersonView;

/// A record version as its patient, author or institution sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// Its id at this hospital.
    #[schema(value_type = String)]
    pub record: B256,
    /// The id of the first version: the same for all versions of one record.
    #[schema(value_type = String)]
    pub series: B256,
    /// How far it is.
    pub stage: Stage,
    /// Who made it.
    #[schema(value_type = String)]
    pub author: Address,
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// Its number, from 1.
    pub version: u64,
    /// The version that it corrects.
    #[schema(value_type = Option<String>)]
    pub previous: Option<B256>,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// Its commitment.
    #[schema(value_type = String)]
    pub commitment: B256,
    /// CID of the sealed manifest.
    pub manifest: String,
    /// CIDs of the sealed parts.
    pub parts: Vec<String>,
    /// The record's controller, once approved.
    #[schema(value_type = Option<String>)]
    pub controller: Option<Address>,
    /// The envelope with its keys, to the one who asks.
    #[schema(value_type = Option<String>)]
    pub envelope: Option<Bytes>,
    /// The act that commits it.
    #[schema(value_type = Option<String>)]
    pub act: Option<B256>,
    /// The sealed reason of a refusal, to its author.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Bytes>,
}

/// A patient's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// Until when the signature can be used, unix seconds.
    pub deadline: u64,
    /// The controller's signature of the commit.
    #[schema(value_type = String)]
    pub signature: Bytes,
    /// The patient's new index, sealed and signed, DAG-CBOR.
    #[schema(value_type = String)]
    pub index: Bytes,
    /// How the commit is to be carried.
    #[serde(flatten)]
    pub wish: Wish,
}

/// A patient's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalNote {
    /// The reason, sealed to the author.
    #[schema(value_type = String)]
    pub reason: Bytes,
}

/// A transaction of a record's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Carriage {
    /// What it did.
    pub what: String,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: B256,
}

/// What a node hands over about a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Log entries about it.
    pub log: Vec<ProvenEntry>,
    /// Its grants, DAG-CBOR.
    #[schema(value_type = Vec<String>)]
    pub grants: Vec<Bytes>,
    /// Its transactions.
    pub transactions: Vec<Carriage>,
}

/// A patient's order to erase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EraseOrder {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// Until when the signature can be used, unix seconds.
    pub deadline: u64,
    /// The controller's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
    /// The patient's index without the record's keys.
    #[schema(value_type = String)]
    pub index: Bytes,
}

/// How far a record version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Signed by its author; not acknowledged, visible to nobody.
    Signed,
    /// Acknowledged; waits for its patient.
    Pending,
    /// Approved; its commit is on the way to the chain.
    Committing,
    /// On chain.
    Committed,
    /// Refused by its patient.
    Refused,
    /// Erased by its patient: keys and copies are gone.
    Erased,
}

impl Stage {
    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Pending => "pending",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::Refused => "refused",
            Self::Erased => "erased",
        }
    }
}

/// What the author is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DraftView {
    /// The id of the record that it will be.
    #[schema(value_type = String)]
    pub record: B256,
    /// The unsigned manifest, DAG-CBOR.
    #[schema(value_type = String)]
    pub manifest: Bytes,
    /// Until when it can be signed, unix seconds.
    pub expires_at: u64,
}

/// To whom a client seals a record that it makes for a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadKeys {
    /// The patient.
    pub patient: PersonView,
    /// The institution.
    pub institution: PersonView,
}

/// What a client says of an upload that it has sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedDraft {
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// The id of the version that this one corrects.
    #[schema(value_type = Option<String>)]
    pub corrects: Option<B256>,
    /// The commitment of the record version.
    #[schema(value_type = String)]
    pub commitment: B256,
    /// The keys, sealed to the patient.
    #[schema(value_type = String)]
    pub to_patient: Bytes,
    /// The keys, sealed to the institution.
    #[schema(value_type = String)]
    pub to_institution: Bytes,
}

/// The fields of an upload's form, for the OpenAPI document; the file comes last.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes a form; the handler reads it field by field"
)]
pub struct UploadForm {
    /// The patient's commitment.
    patient: String,
    /// What it is, in a few words.
    title: String,
    /// The report's text.
    report: String,
    /// The version that this one corrects.
    corrects: Option<String>,
    /// The DICOM modality code of a PNG or JPEG, for example `DX`.
    modality: Option<String>,
    /// The body part of a PNG or JPEG.
    body_part: Option<String>,
    /// The radiograph: DICOM, PNG or JPEG.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The fields of a sealed upload's form, in their order, for the OpenAPI document.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes a form; the handler reads it field by field"
)]
pub struct SealedForm {
    /// What it is for, as JSON.
    draft: SealedDraft,
    /// The sealed manifest.
    #[schema(value_type = String, format = Binary)]
    manifest: Vec<u8>,
    /// The sealed parts, in the manifest's order: one field of this name for each.
    #[schema(value_type = Vec<String>, format = Binary)]
    part: Vec<Vec<u8>>,
}

/// A patient's sealed index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IndexView {
    /// Sealed and signed by the patient, DAG-CBOR; nothing before the first record.
    #[schema(value_type = Option<String>)]
    pub sealed: Option<Bytes>,
}

/// A patient's new index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IndexForm {
    /// Sealed and signed by the patient, the version after the one kept here, DAG-CBOR.
    #[schema(value_type = String)]
    pub index: Bytes,
}

/// An erasure under way or done, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Erasure)]
pub struct ErasureView {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// The patient.
    #[schema(value_type = String)]
    pub patient: B256,
    /// The act.
    #[schema(value_type = String)]
    pub act: B256,
    /// The blobs that are deleted.
    pub cids: Vec<String>,
    /// Whether this node has deleted its own.
    pub done: bool,
    /// What the holders signed that they deleted.
    pub statements: Vec<Deletion>,
    /// Holders that still have to be asked, and what they said.
    pub missing: Vec<String>,
    /// When it was ordered, unix seconds.
    pub ordered_at: u64,
}
