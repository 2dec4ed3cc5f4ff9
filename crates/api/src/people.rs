//! People.

use alloy_primitives::Address;
use alloy_primitives::B256;
use alloy_primitives::Bytes;
use custody::model::document::Document;
use custody::model::person::Person;
use custody::ports::store::Documents;
use record::PatientDemographics;
use record::Role;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
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
    pub person: Person,
}

/// A key statement on its way into the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeySubmission {
    /// The directory entry.
    pub person: Person,
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
    pub person: Person,
    /// The salt of the commitment.
    #[schema(value_type = String)]
    pub salt: B256,
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
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Admitted => "admitted",
            Self::Refused => "refused",
        }
    }
}
