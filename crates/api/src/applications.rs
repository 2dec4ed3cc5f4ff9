//! How a hospital applies to be admitted.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::people::ApplicationStage;

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
    pub application: ApplicationCard,
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

/// A credential document, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Credential)]
pub struct CredentialView {
    /// The file's name.
    pub name: String,
    /// Its media type, as its first bytes say.
    pub media_type: String,
    /// Its size.
    pub size: u64,
    /// Its SHA-256.
    #[schema(value_type = String)]
    pub sha256: B256,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Application)]
pub struct ApplicationCard {
    /// Its id.
    #[schema(value_type = String)]
    pub id: B256,
    /// The hospital's wallet, which sent it.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The hospital's name.
    pub name: String,
    /// Its address on the web.
    pub url: String,
    /// Its credential documents.
    pub documents: Vec<CredentialView>,
    /// When it came, unix seconds.
    pub at: u64,
    /// How far it is.
    pub stage: ApplicationStage,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When it was decided.
    pub decided_at: Option<u64>,
}
