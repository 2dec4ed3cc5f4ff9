//! Requests, grants, what a recipient is served, revocations.

use alloy_primitives::{Address, B256, Bytes};
use record::{GrantDocument, RequestDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::{Payer, Wish};

/// What the recipient is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Served {
    /// The grant.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// The recipient's envelope.
    pub envelope: Envelope,
    /// The sealed parts to fetch.
    pub parts: Vec<PartRef>,
    /// The place of this opening in the log of the institution that serves.
    pub leaf: u64,
    /// The institution that serves.
    #[schema(value_type = String)]
    pub institution: Address,
}

/// What one recipient gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// The recipient's wallet.
    #[schema(value_type = String)]
    pub recipient: Address,
    /// The part keys, sealed.
    #[schema(value_type = String)]
    pub keys: Bytes,
    /// The disclosure, sealed.
    #[schema(value_type = String)]
    pub disclosure: Bytes,
}

/// A part that a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartRef {
    /// Its name in the manifest.
    pub name: String,
    /// CID of the sealed bytes.
    pub cid: String,
}

/// A grant with all that serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantMessage {
    /// The chain that it is for.
    pub chain_id: u64,
    /// The Consents contract that it is for.
    #[schema(value_type = String)]
    pub consents: Address,
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// The controller's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
    /// One envelope for each recipient.
    pub envelopes: Vec<Envelope>,
    /// The parts that it covers.
    pub parts: Vec<PartRef>,
}

/// What a patient's client sends to grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantSubmission {
    /// The grant.
    pub message: GrantMessage,
    /// The patient's index with the grant in it.
    #[schema(value_type = Option<String>)]
    pub index: Option<Bytes>,
    /// How the grant is to be carried. Until it is on chain nobody is served.
    #[serde(flatten)]
    pub wish: Wish,
}

/// How far a grant is, as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStage {
    /// Given; whether it is live, the chain says.
    Given,
    /// Revoked: the envelopes are gone.
    Revoked,
    /// The record was erased: the envelopes are gone.
    Erased,
}

impl GrantStage {
    /// The name used in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
        }
    }
}

/// A grant as its patient or its recipient sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// Its id on chain.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// The patient's commitment, at the patient's own institution.
    #[schema(value_type = Option<String>)]
    pub patient: Option<B256>,
    /// How far it is, as this node knows.
    pub stage: GrantStage,
    /// The act that grants.
    #[schema(value_type = Option<String>)]
    pub act: Option<B256>,
    /// The act that revokes.
    #[schema(value_type = Option<String>)]
    pub revocation: Option<B256>,
}

impl GrantMessage {
    /// The document.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn document(&self) -> Result<GrantDocument, record::Error> {
        GrantDocument::decode(&self.document)
    }

    /// The CID of a granted part, if `cid` is one.
    #[must_use]
    pub fn part_of(&self, cid: &str) -> Option<&PartRef> {
        self.parts.iter().find(|p| p.cid == cid)
    }
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokeMessage {
    /// The record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// The grant.
    #[schema(value_type = String)]
    pub grant: B256,
    /// The controller's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

/// What a patient's client sends to revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokeOrder {
    /// The revocation.
    #[serde(flatten)]
    pub message: RevokeMessage,
    /// Who pays for it. It never waits for a low fee.
    #[serde(default)]
    pub payer: Payer,
}

impl From<RevokeMessage> for RevokeOrder {
    fn from(message: RevokeMessage) -> Self {
        let payer = Payer::default();
        Self { message, payer }
    }
}

/// A request on its way to its patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestMessage {
    /// The patient's institution.
    #[schema(value_type = String)]
    pub home: Address,
    /// The document, DAG-CBOR.
    #[schema(value_type = String)]
    pub document: Bytes,
    /// Until when the signature can be used, unix seconds.
    pub deadline: u64,
    /// The requester's signature of the act.
    #[schema(value_type = String)]
    pub signature: Bytes,
}

impl RequestMessage {
    /// The document.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn document(&self) -> Result<RequestDocument, record::Error> {
        RequestDocument::decode(&self.document)
    }
}

/// A request as a node keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Request)]
pub struct RequestView {
    /// Its id, which is on chain.
    #[schema(value_type = String)]
    pub id: B256,
    /// The patient's commitment.
    #[schema(value_type = String)]
    pub patient: B256,
    /// Who asks.
    #[schema(value_type = String)]
    pub requester: Address,
    /// The message.
    pub message: RequestMessage,
    /// When it came, unix seconds.
    pub received_at: u64,
    /// The grant that answers it.
    #[schema(value_type = Option<String>)]
    pub answer: Option<B256>,
    /// Whether it still has to be brought to the patient's node.
    pub owed: bool,
}
