//! What every storage engine does.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;

use crate::Result;
use crate::block::Block;
use crate::file::{self, ByteStream, Stored};
use crate::owner::{self, Owner, Reference};

/// A store of content-addressed blocks. All engines name the same bytes by the same CID.
///
/// Blocks are verified whenever they are read. A block stays while a pinned root leads to it, or
/// while a [`Batch`] that put it lives; [`Vault::gc`] may remove the others at any time. A root is
/// pinned for an [`Owner`], and stays while any owner has it pinned.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Name of the engine for logs: `memory`, `embedded`, `kubo` or `s3`.
    fn engine(&self) -> &'static str;

    /// Another handle to the same store.
    fn shared(&self) -> Arc<dyn Vault>;

    /// Starts putting blocks.
    ///
    /// # Errors
    /// The engine's.
    async fn begin(&self) -> Result<Box<dyn Batch>>;

    /// The bytes of a block, verified.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`]; [`crate::Error::Damaged`] when the stored bytes are not the
    /// block's, after which the engine no longer counts it as present.
    async fn get_block(&self, cid: &Cid) -> Result<Bytes>;

    /// Whether the block is stored here. Reads no content: see [`Vault::verify`].
    ///
    /// # Errors
    /// The engine's.
    async fn has(&self, cid: &Cid) -> Result<bool>;

    /// Which of these blocks are not stored here, in the order of the list.
    ///
    /// # Errors
    /// The engine's.
    async fn lacking(&self, cids: &[Cid]) -> Result<Vec<Cid>> {
        let mut lacking = Vec::new();
        for cid in cids {
            if !self.has(cid).await? {
                lacking.push(*cid);
            }
        }
        Ok(lacking)
    }

    /// Keeps `root` and everything under it for `owner`. Durable when it returns. Idempotent.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when a block of the DAG is missing; nothing is pinned then.
    async fn pin_for(&self, root: &Cid, owner: &Owner) -> Result<()>;

    /// Stops keeping `root` for `owner`, and for nobody else; tells whether it was kept for it.
    /// Durable when it returns.
    ///
    /// # Errors
    /// The engine's.
    async fn unpin_for(&self, root: &Cid, owner: &Owner) -> Result<bool>;

    /// Every pinned root with its owner, once for each of its owners, in no particular order.
    ///
    /// # Errors
    /// The engine's.
    async fn references(&self) -> Result<Vec<Reference>>;

    /// [`Vault::pin_for`] this node.
    ///
    /// # Errors
    /// As [`Vault::pin_for`].
    async fn pin(&self, root: &Cid) -> Result<()> {
        self.pin_for(root, &Owner::THIS_NODE).await
    }

    /// [`Vault::unpin_for`] this node.
    ///
    /// # Errors
    /// As [`Vault::unpin_for`].
    async fn unpin(&self, root: &Cid) -> Result<bool> {
        self.unpin_for(root, &Owner::THIS_NODE).await
    }

    /// The pinned roots, whoever they are kept for, in the order of their text.
    ///
    /// # Errors
    /// The engine's.
    async fn pins(&self) -> Result<Vec<Cid>> {
        Ok(owner::roots(self.references().await?))
    }

    /// The roots that are kept for this node itself, in the order of their text.
    ///
    /// # Errors
    /// The engine's.
    async fn own_pins(&self) -> Result<Vec<Cid>> {
        let mut own = self.references().await?;
        own.retain(|held| held.owner == Owner::THIS_NODE);
        Ok(owner::roots(own))
    }

    /// Removes the blocks that nothing keeps.
    ///
    /// # Errors
    /// The engine's. If a pinned DAG has a missing or damaged inner node, nothing is removed:
    /// what hangs below it is not known, so repair comes first.
    async fn gc(&self) -> Result<Collected>;

    /// Counts what is stored.
    ///
    /// # Errors
    /// The engine's.
    async fn stat(&self) -> Result<Stat>;

    /// Reads everything and names what is damaged or missing. Damaged blocks are set aside, so
    /// that they count as missing afterwards and can be put again.
    ///
    /// # Errors
    /// The engine's; damage is a finding, not an error.
    async fn verify(&self) -> Result<Verified>;

    /// Stores one block durably, without pinning it.
    ///
    /// # Errors
    /// The engine's.
    async fn put_block(&self, block: Block) -> Result<()> {
        let mut batch = self.begin().await?;
        batch.put(block).await?;
        batch.commit().await
    }

    /// Stores a file of any size, durably, and pins it. Memory stays at a few chunks.
    ///
    /// # Errors
    /// The stream's and the engine's; nothing is acknowledged then.
    async fn put_file(&self, data: ByteStream) -> Result<Stored> {
        file::write(self, data).await
    }

    /// Reads a file. Each block is verified before its bytes are handed on.
    ///
    /// # Errors
    /// On the stream: the engine's, or [`crate::Error::Malformed`] when `cid` is no file.
    fn get_file(&self, cid: &Cid) -> ByteStream {
        self.get_range(cid, 0..u64::MAX)
    }

    /// Reads bytes `range` of a file; the range may end past the file.
    ///
    /// # Errors
    /// As [`Vault::get_file`], and [`crate::Error::OutOfRange`] when it starts past the end.
    fn get_range(&self, cid: &Cid, range: Range<u64>) -> ByteStream {
        file::read(self.shared(), cid, range)
    }
}

/// Blocks on their way in. They are held against garbage collection until the batch is dropped,
/// so pin what should stay before dropping it. A batch dropped before [`Batch::commit`] leaves
/// nothing behind.
#[async_trait]
pub trait Batch: Send {
    /// Takes a block; it may not be durable or visible yet.
    ///
    /// # Errors
    /// The engine's. The batch should be dropped then.
    async fn put(&mut self, block: Block) -> Result<()>;

    /// Makes all blocks put so far durable and visible. More may be put and committed after.
    ///
    /// # Errors
    /// The engine's; then none of the blocks may be counted on.
    async fn commit(&mut self) -> Result<()>;
}

/// What [`Vault::gc`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blocks removed.
    pub blocks: u64,
    /// Bytes freed.
    pub bytes: u64,
}

/// What is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Number of blocks.
    pub blocks: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Number of pinned roots, each counted once.
    pub pins: u64,
}

/// What [`Vault::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks read.
    pub checked: u64,
    /// Blocks whose bytes were wrong, now set aside.
    pub damaged: Vec<Cid>,
    /// Blocks that pinned roots need and that are not there, damaged ones included.
    pub missing: Vec<Missing>,
}

/// A block that a pinned root needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Missing {
    /// The pinned root.
    pub root: Cid,
    /// The block that is not there.
    pub block: Cid,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}
