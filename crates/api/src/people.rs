//! Staff, patients, and the keys to seal to.

use alloy_primitives::{Address, B256, Bytes};
use clinical::PatientDemographics;
use record::{Role, patient_commitment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person sets for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileView {
    /// The name under which colleagues and patients see them.
    pub name: String,
    /// The department.
    pub department: String,
    /// Where to send mail.
    pub email: String,
    /// Whether to be told of news by mail.
    pub mail: bool,
}

/// A person of an institution's staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaffView {
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: Address,
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The role there.
    #[schema(value_type = String)]
    pub role: Role,
    /// The name.
    pub name: String,
    /// The department.
    pub department: String,
    /// The key statement: to which key to seal.
    pub person: PersonView,
}

/// A key statement on its way into the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeySubmission {
    /// The directory entry.
    pub person: PersonView,
    /// The act that anchors it, for those whom the contract admits: active staff and institutions.
    pub anchor: Option<KeyAnchor>,
}

/// The act that anchors a key statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyAnchor {
    /// One more than the wallet has published.
    pub version: u64,
    /// Until when the signature can be used, unix seconds.
    pub deadline: u64,
    /// The wallet's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// What a patient's client states to be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatientCard {
    /// Wallet and sealing key.
    pub person: PersonView,
    /// The salt of the commitment.
    #[schema(value_type = String)]
    pub salt: B256,
}

impl PatientCard {
    /// The commitment under which `institution` enrols the patient.
    #[must_use]
    pub fn commitment(&self, institution: Address) -> B256 {
        patient_commitment(&self.salt, &institution, &self.person.wallet)
    }
}

/// A new patient, as the hospital's staff enter one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPatient {
    /// Who it is.
    #[schema(value_type = Object)]
    pub demographics: PatientDemographics,
    /// What the patient's client stated.
    pub card: PatientCard,
}

/// How far an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationStage {
    /// Waits for the registrar.
    Open,
    /// The registrar admits the hospital.
    Admitted,
    /// The registrar does not.
    Refused,
}

impl ApplicationStage {
    /// The name used in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Admitted => "admitted",
            Self::Refused => "refused",
        }
    }
}

/// What directory and chain know of a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryView {
    /// Name and key statement, if it has published one.
    pub person: Option<PersonView>,
    /// Whether it is an active institution.
    pub active_institution: bool,
    /// The nonce of the next act about it as an institution.
    pub institution_nonce: u64,
    /// What it is at an institution.
    pub staff: Option<Standing>,
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
pub struct Standing {
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The role.
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// Whether neither the person nor the institution is suspended.
    pub active: bool,
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

/// Patients of a hospital, a page of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatientsPage {
    /// The patients: all of them by id, those that were searched for by the word that matched.
    pub patients: Vec<PatientView>,
    /// What `after` has to be for the next page; nothing on the last one.
    pub next: Option<String>,
}

/// A directory entry: who a wallet is, and to which key to seal for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonView {
    /// The wallet.
    #[schema(value_type = String)]
    pub wallet: Address,
    /// The name under which the institution knows it.
    pub name: String,
    /// The key statement, DAG-CBOR.
    #[schema(value_type = String)]
    pub statement: Bytes,
    /// The salt of the statement's digest on chain.
    #[schema(value_type = String)]
    pub salt: B256,
}

/// An institution's offer to a person, waiting for the person's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// The person's wallet.
    #[schema(value_type = String)]
    pub staff: Address,
    /// The inviting institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The role.
    #[schema(value_type = String)]
    pub role: Role,
    /// The nonce of the act.
    pub nonce: u64,
    /// Until when the signatures can be used, unix seconds.
    pub deadline: u64,
    /// The institution's signature.
    #[schema(value_type = String)]
    pub signature: Bytes,
}
