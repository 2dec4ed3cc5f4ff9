//! Application.

use api::applications::{ApplicationCard, CredentialView};

use alloy_primitives::{Address, B256, Bytes};
use api::people::ApplicationStage;
use serde::{Deserialize, Serialize};

use crate::model::document::{Document, Kind, hex_id};

/// A document that shows who the hospital is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// The file's name.
    pub name: String,
    /// A PDF, PNG or JPEG.
    pub bytes: Bytes,
}

/// What a hospital sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApplication {
    /// The hospital's name.
    pub name: String,
    /// Its node's or its own address on the web.
    pub url: String,
    /// Its credential documents.
    pub documents: Vec<NewCredential>,
}

/// A credential document, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The file's name.
    pub name: String,
    /// Its media type, as its first bytes say.
    pub media_type: String,
    /// Its size.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: B256,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its id.
    pub id: B256,
    /// The hospital's wallet, which sent it.
    pub institution: Address,
    /// The hospital's name.
    pub name: String,
    /// Its address on the web.
    pub url: String,
    /// Its credential documents.
    pub documents: Vec<Credential>,
    /// When it came, unix seconds.
    pub at: u64,
    /// How far it is.
    pub stage: ApplicationStage,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When it was decided.
    pub decided_at: Option<u64>,
}

impl Document for Application {
    const KIND: Kind = Kind::Application;
    fn id(&self) -> String {
        hex_id(self.id)
    }
    fn owner(&self) -> String {
        hex::encode(self.institution)
    }
    fn state(&self) -> String {
        self.stage.name().to_owned()
    }
}

/// The bytes of a credential.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scan {
    pub(crate) application: B256,
    pub(crate) number: usize,
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
}

impl Scan {
    pub(crate) fn id_of(application: B256, number: usize) -> String {
        format!("{}/{number}", hex_id(application))
    }
}

impl Document for Scan {
    const KIND: Kind = Kind::Credential;
    fn id(&self) -> String {
        Self::id_of(self.application, self.number)
    }
}

impl From<Credential> for CredentialView {
    fn from(document: Credential) -> Self {
        Self {
            name: document.name,
            media_type: document.media_type,
            size: document.size,
            sha256: document.sha256,
        }
    }
}

impl From<Application> for ApplicationCard {
    fn from(document: Application) -> Self {
        Self {
            id: document.id,
            institution: document.institution,
            name: document.name,
            url: document.url,
            documents: document.documents.into_iter().map(Into::into).collect(),
            at: document.at,
            stage: document.stage,
            reason: document.reason,
            decided_at: document.decided_at,
        }
    }
}
