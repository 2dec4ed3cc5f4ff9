//! The other institutions' nodes as the use cases see them.

use alloy_primitives::Address;
use api::consent::{GrantMessage, RequestMessage, RevokeMessage};
use api::log::ProvenEntry;
use api::peers::{ForgetPages, SpareView};
use api::people::StaffView;
use async_trait::async_trait;

use crate::model::error::Result;
use crate::model::person::Person;

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
