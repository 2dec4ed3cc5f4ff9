//! Another institution's node, as the home node sees it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;

use super::{Answer, Challenge, Holder, Receipt};
use crate::Result;
use crate::file::ByteStream;

/// A node that can hold replicas. [`crate::HttpPeer`] reaches one over HTTP; [`LocalPeer`] is the
/// in-memory twin.
#[async_trait]
pub trait Peer: Send + Sync {
    /// The `keyid` that signs the peer's statements.
    fn key_id(&self) -> &str;

    /// Hands over a DAG as a CAR stream; the receipt comes once it is durable there.
    ///
    /// # Errors
    /// [`crate::Error::Remote`], [`crate::Error::Refused`].
    async fn store(&self, root: &Cid, car: ByteStream) -> Result<Receipt>;

    /// Fetches one block, verified.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Damaged`], and as [`Peer::store`].
    async fn block(&self, cid: &Cid) -> Result<Bytes>;

    /// Asks for proofs.
    ///
    /// # Errors
    /// As [`Peer::store`].
    async fn challenge(&self, challenge: &Challenge) -> Result<Answer>;

    /// Asks for the deletion of our replica.
    ///
    /// # Errors
    /// As [`Peer::store`].
    async fn erase(&self, root: &Cid) -> Result<Receipt>;
}

/// A peer in the same process.
pub struct LocalPeer {
    holder: Arc<Holder>,
    key_id: String,
    caller: String,
}

impl LocalPeer {
    /// The peer behind `holder`, asked by `caller`.
    #[must_use]
    pub fn new(holder: Arc<Holder>, caller: impl Into<String>) -> Self {
        Self {
            key_id: holder.key_id(),
            holder,
            caller: caller.into(),
        }
    }
}

#[async_trait]
impl Peer for LocalPeer {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn store(&self, root: &Cid, car: ByteStream) -> Result<Receipt> {
        self.holder.store(root, &self.caller, car).await
    }

    async fn block(&self, cid: &Cid) -> Result<Bytes> {
        self.holder.vault().get_block(cid).await
    }

    async fn challenge(&self, challenge: &Challenge) -> Result<Answer> {
        self.holder.answer(challenge).await
    }

    async fn erase(&self, root: &Cid) -> Result<Receipt> {
        self.holder.erase(root, &self.caller).await
    }
}
