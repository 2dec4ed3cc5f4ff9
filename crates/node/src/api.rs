//! The bodies of requests and responses that are not a use case's own types.
//!
//! Server and client share them; the OpenAPI document is made from them.

use alloy_primitives::{Address, B256, Bytes, U256};
use clinical::PatientDemographics;
use custody::act::{Deployment, Errand, Progress};
use custody::admit::Person;
use custody::caller::Caller;
use custody::carry::When;
use custody::chain::{InstitutionFacts, KeyFacts, StaffFacts};
use custody::enrol::Patient;
use record::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a node says about itself to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeCard {
    /// The institution's wallet.
    #[schema(value_type = String)]
    pub institution: Address,
    /// Its name.
    pub name: String,
    /// Where clients reach the node.
    pub url: String,
    /// Where IPFS peers reach it: the address of its trustless gateway.
    pub ipfs_peer: String,
    /// The program's version.
    pub version: String,
    /// The chain and the contracts.
    #[schema(value_type = Object)]
    pub deployment: Deployment,
    /// The block in which the contracts were deployed: nothing of them stands before it.
    #[serde(default)]
    pub first_block: u64,
}

/// A fresh challenge for signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The nonce that the EIP-4361 message must carry; it serves once.
    pub nonce: String,
    /// The domain that the message must name.
    pub domain: String,
    /// The URI that the message must name.
    pub uri: String,
    /// The chain id that the message must name.
    pub chain_id: u64,
    /// The node's time, RFC 3339.
    pub issued_at: String,
    /// When the nonce expires, RFC 3339.
    pub expires_at: String,
}

/// A signed EIP-4361 message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// The message.
    pub message: String,
    /// Its `personal_sign` signature, or an ERC-1271 wallet's.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Sent with every request as `Authorization: Bearer …`.
    pub token: String,
    /// Until when it serves, unix seconds.
    pub expires_at: u64,
    /// Who signed in.
    pub who: Who,
}

/// What a wallet is here at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Who {
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: Address,
    /// Whether it is the registrar.
    pub registrar: bool,
    /// Whether it is the institution that runs this node.
    pub institution: bool,
    /// Its institution and role, if it is active staff.
    #[schema(value_type = Option<Object>)]
    pub staff: Option<custody::caller::Staff>,
    /// Its patient's commitment, if it is enrolled here.
    #[schema(value_type = Option<String>)]
    pub patient: Option<B256>,
}

impl From<Caller> for Who {
    fn from(caller: Caller) -> Self {
        let Caller {
            wallet,
            registrar,
            institution,
            staff,
            patient,
            ..
        } = caller;
        Self {
            wallet,
            registrar,
            institution,
            staff,
            patient,
        }
    }
}

/// An act on its way to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActView {
    /// Its digest.
    #[schema(value_type = String)]
    pub act: B256,
    /// What it does, for example `commit`.
    pub name: String,
    /// How far it is.
    pub progress: Progress,
    /// The transaction that carried it.
    #[schema(value_type = Option<String>)]
    pub tx: Option<B256>,
    /// Gas used by that transaction.
    pub gas: Option<u64>,
    /// The block it is in.
    pub block: Option<u64>,
    /// Why the chain refused it, or what became of an own transaction.
    pub error: Option<String>,
    /// The low fee that it waits for, while its progress is `waiting`.
    pub held: Option<When>,
    /// The transaction for an own wallet, shown only to the person who handed the act in.
    pub own: Option<OwnTransaction>,
}

/// A transaction that a person's own wallet sends. Any account may send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnTransaction {
    /// The chain (EIP-155).
    pub chain_id: u64,
    /// The contract.
    #[schema(value_type = String)]
    pub to: Address,
    /// The call, with every signature in it.
    #[schema(value_type = String)]
    pub data: Bytes,
    /// Wei that go with it: none.
    #[schema(value_type = String, example = "0x0")]
    pub value: U256,
    /// Gas that it would use, as estimated when the act was handed in.
    pub gas: u64,
    /// When the hospital's relayer carries the act, unless a block has it by then; unix seconds.
    pub relay_at: u64,
}

impl ActView {
    /// An act as `caller` sees it.
    #[must_use]
    pub fn to(caller: Address, errand: Errand, at: &Deployment) -> Self {
        let own = errand.own.clone().filter(|_| errand.by == Some(caller));
        let own = own.map(|own| OwnTransaction {
            chain_id: at.chain_id,
            to: own.to,
            data: own.data,
            value: U256::ZERO,
            gas: own.gas,
            relay_at: own.relay_at,
        });
        Self {
            own,
            ..Self::from(errand)
        }
    }
}

/// The transaction with which an own wallet carries an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentForm {
    /// Its hash.
    #[schema(value_type = String)]
    pub tx: B256,
}

/// An approval taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawForm {
    /// The patient's index without the version, sealed and signed, DAG-CBOR.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub index: Option<Bytes>,
}

impl From<Errand> for ActView {
    fn from(errand: Errand) -> Self {
        Self {
            act: errand.id,
            name: errand.signed.act.name().to_owned(),
            progress: errand.progress,
            tx: errand.tx,
            gas: errand.gas,
            block: errand.block,
            error: errand.error,
            held: errand.held,
            own: None,
        }
    }
}

/// What directory and chain know of a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryView {
    /// Name and key statement, if it has published one.
    pub person: Option<Person>,
    /// Whether it is an active institution.
    pub active_institution: bool,
    /// The nonce of the next act about it as an institution.
    pub institution_nonce: u64,
    /// What it is at an institution.
    pub staff: Option<StaffView>,
    /// The nonce of the next act about it as a person.
    pub staff_nonce: u64,
    /// How many key statements it has anchored.
    pub key_version: u64,
    /// The salted digest of the current one; zero for none.
    #[schema(value_type = String)]
    pub key_digest: B256,
}

/// A person at an institution, as the chain says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Standing)]
pub struct StaffView {
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The role.
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// Whether neither the person nor the institution is suspended.
    pub active: bool,
}

impl DirectoryView {
    /// Put together what the directory and the chain know.
    #[must_use]
    pub fn new(
        person: Option<Person>,
        institution: InstitutionFacts,
        staff: Option<StaffFacts>,
        key: KeyFacts,
    ) -> Self {
        Self {
            person,
            active_institution: institution.active,
            institution_nonce: institution.nonce,
            staff: staff.map(|s| StaffView {
                institution: s.institution,
                role: s.role,
                active: s.active,
            }),
            staff_nonce: staff.map_or(0, |s| s.nonce),
            key_version: key.version,
            key_digest: key.digest,
        }
    }
}

/// A signature alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    /// 65 bytes, or what an ERC-1271 wallet takes.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// A patient as the patient's own hospital sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatientView {
    /// The commitment under which the patient is enrolled.
    #[schema(value_type = String)]
    pub patient: B256,
    /// Name, birth date, sex, identifier.
    #[schema(value_type = Object)]
    pub demographics: PatientDemographics,
    /// The patient's wallet: who writes letters and asks for appointments.
    #[schema(value_type = String)]
    pub wallet: Address,
    /// When, unix seconds.
    pub enrolled_at: u64,
    /// The act that enrolled them.
    #[schema(value_type = String)]
    pub act: B256,
}

impl From<Patient> for PatientView {
    fn from(patient: Patient) -> Self {
        let wallet = patient.wallet();
        let Patient {
            patient,
            demographics,
            enrolled_at,
            errand,
            ..
        } = patient;
        Self {
            patient,
            demographics,
            wallet,
            enrolled_at,
            act: errand,
        }
    }
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
    draft: custody::upload::sealed::SealedDraft,
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

/// A checkpoint that was made on demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnchorView {
    /// Entries that it covers.
    pub size: u64,
    /// Their root.
    #[schema(value_type = String)]
    pub root: B256,
    /// The act that anchors it; nothing if the chain has it already.
    pub act: Option<ActView>,
}

/// A credential document of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentForm {
    /// The file's name.
    pub name: String,
    /// A PDF, PNG or JPEG of at most 5 MiB, in base64.
    pub content: String,
}

/// A hospital's application to be admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationForm {
    /// The hospital's wallet: the one that has signed in.
    #[schema(value_type = String)]
    pub institution: Address,
    /// Its name.
    pub name: String,
    /// Its address on the web.
    pub url: String,
    /// One to four documents that show who it is.
    pub documents: Vec<DocumentForm>,
}

/// An application, and whether the chain has the hospital as active now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationView {
    /// The application.
    #[serde(flatten)]
    pub application: custody::apply::Application,
    /// The decision, once there is one.
    pub decision: Option<DecisionForm>,
    /// Whether the hospital is admitted on chain and not suspended.
    pub active: bool,
}

/// The registrar's decision about an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionForm {
    /// Whether the hospital is admitted.
    pub admit: bool,
    /// Why not; needed for a refusal.
    pub reason: Option<String>,
}
