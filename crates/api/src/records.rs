//! Records.

use alloy_primitives::Address;
use alloy_primitives::B256;
use alloy_primitives::Bytes;
use custody::model::document::Document;
use custody::model::person::Person;
use custody::ports::store::Documents;
use custody::ports::store::Store as _;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

use crate::acts::Wish;
use crate::log::ProvenEntry;

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
    pub patient: Person,
    /// The institution.
    pub institution: Person,
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
