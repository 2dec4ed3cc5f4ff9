//! The other institutions' nodes as the use cases see them.

use alloy_primitives::{Address, B256, Bytes};
use async_trait::async_trait;
use cid::Cid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admit::Person;
use crate::error::Result;
use crate::grant::GrantMessage;
use crate::request::RequestMessage;
use crate::revoke::RevokeMessage;

/// An institution's word that it deleted its copies, signed with its wallet (EIP-191).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletionStatement {
    /// The institution.
    #[schema(value_type = String)]
    pub institution: Address,
    /// The erased record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// Blobs that were deleted, by CID, ascending.
    pub cids: Vec<String>,
    /// When, unix seconds.
    pub at: u64,
    /// The signature over [`DeletionStatement::text`].
    #[schema(value_type = String)]
    pub signature: Bytes,
}

impl DeletionStatement {
    /// What is signed, in plain words.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{} deleted its copies of the record under {} at {}:\n{}",
            self.institution,
            self.controller,
            self.at,
            self.cids.join("\n")
        )
    }

    /// Whether the institution signed it.
    #[must_use]
    pub fn verify(&self) -> bool {
        let digest = crate::keys::personal_digest(self.text().as_bytes());
        crate::keys::signer_of(digest, &self.signature) == Some(self.institution)
    }
}

/// The other nodes.
#[async_trait]
pub trait Peers: Send + Sync {
    /// Have blobs held durably by other institutions, at least `needed` of them; how many do.
    async fn replicate(&self, cids: &[Cid], needed: usize) -> Result<usize>;
    /// Tell every peer that a record was erased; the statements of those that deleted.
    async fn erase(&self, controller: Address, cids: &[Cid]) -> Result<Vec<DeletionStatement>>;
    /// Ask the peers for a directory entry.
    async fn person(&self, wallet: Address) -> Result<Option<Person>>;
    /// Bring a request to the patient's institution.
    async fn send_request(&self, to: Address, message: &RequestMessage) -> Result<()>;
    /// Bring a grant to the recipient's institution.
    async fn send_grant(&self, to: Address, message: &GrantMessage) -> Result<()>;
    /// Bring a revocation to the recipient's institution.
    async fn send_revocation(&self, to: Address, message: &RevokeMessage) -> Result<()>;
    /// Whether a node of this institution is known.
    fn knows(&self, institution: Address) -> bool;
}

/// A request that another node sends about an erased record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureMessage {
    /// The erased record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
    /// Blobs to delete, by CID.
    pub cids: Vec<String>,
}

/// The id of something as the store writes it.
pub(crate) fn hex_id(id: B256) -> String {
    hex::encode(id)
}
