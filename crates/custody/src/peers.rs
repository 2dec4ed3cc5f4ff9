//! The other institutions' nodes as the use cases see them.

use alloy_primitives::{Address, B256, Bytes};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admit::Person;
use crate::error::Result;
use crate::export::ProvenEntry;
use crate::grant::GrantMessage;
use crate::pages::{ForgetPages, SpareView};
use crate::profile::StaffView;
use crate::request::RequestMessage;
use crate::revoke::RevokeMessage;

/// A holder's signed statement that it deleted a blob, as the vault's replication makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// Who held it: an institution's wallet in lower case.
    pub holder: String,
    /// The blob.
    pub cid: String,
    /// When it was deleted, unix seconds by the holder's clock.
    pub at: u64,
    /// The signed receipt, DAG-CBOR ([`vault::replicate::Receipt`]).
    #[schema(value_type = String)]
    pub receipt: Bytes,
}

/// The other nodes.
#[async_trait]
pub trait Peers: Send + Sync {
    /// Ask the peers for a directory entry.
    async fn person(&self, wallet: Address) -> Result<Option<Person>>;
    /// Ask an institution who works there.
    async fn staff(&self, institution: Address) -> Result<Vec<StaffView>>;
    /// Bring an entry of this institution's log to the patient's institution. One that it will never
    /// take is no error.
    async fn send_touch(&self, to: Address, entry: &ProvenEntry) -> Result<()>;
    /// Ask an institution for the proofs of entries that it brought.
    async fn proofs(&self, of: Address, leaves: &[u64]) -> Result<Vec<ProvenEntry>>;
    /// Bring a request to the patient's institution.
    async fn send_request(&self, to: Address, message: &RequestMessage) -> Result<()>;
    /// Bring a grant to the recipient's institution.
    async fn send_grant(&self, to: Address, message: &GrantMessage) -> Result<()>;
    /// Bring a revocation to the recipient's institution.
    async fn send_revocation(&self, to: Address, message: &RevokeMessage) -> Result<()>;
    /// Tell a recipient's institution that a record was erased.
    async fn send_erasure(&self, to: Address, controller: Address) -> Result<()>;
    /// Have an institution keep a page of the journal.
    async fn keep_page(&self, at: Address, cid: &str, page: bytes::Bytes) -> Result<()>;
    /// The pages that an institution keeps for this one.
    async fn kept_pages(&self, at: Address) -> Result<Vec<SpareView>>;
    /// One of them.
    async fn kept_page(&self, at: Address, cid: &str) -> Result<bytes::Bytes>;
    /// Tell an institution which of them it need not keep any longer.
    async fn forget_pages(&self, at: Address, forget: &ForgetPages) -> Result<()>;
    /// Every institution whose node is known.
    fn all(&self) -> Vec<Address>;
    /// Whether a node of this institution is known.
    fn knows(&self, institution: Address) -> bool;
}

/// The news that a record was erased. The chain says whether it is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureMessage {
    /// The erased record's controller.
    #[schema(value_type = String)]
    pub controller: Address,
}

/// The id of something as the store writes it.
pub(crate) fn hex_id(id: B256) -> String {
    hex::encode(id)
}
