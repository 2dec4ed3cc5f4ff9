//! The embedded engine: a block store on the local disk.
//!
//! ```text
//! ROOT/FORMAT                what this directory is
//! ROOT/LOCK                  held by the one process that uses it
//! ROOT/blocks/S/CID          a block; S is the CID's next-to-last character
//! ROOT/pins/CID              an empty file for each root that is kept for this node
//! ROOT/pins/CID.KEYID        the same for each root that is kept for another institution
//! ROOT/tmp/                  blocks being written; emptied at start
//! ROOT/quarantine/CID.N      damaged blocks, set aside for whoever investigates
//! ```
//!
//! A block is written to `tmp`, flushed to the device, renamed into place, and the directory is
//! flushed; only then is it acknowledged. A process killed at any moment therefore leaves whole
//! blocks and files in `tmp`, never half a block under a CID.

mod batch;
mod collect;
mod disk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use tokio::sync::{Mutex, Semaphore};

use self::disk::Disk;
use crate::Result;
use crate::block;
use crate::dag::{self, DagLimits};
use crate::engine::{Batch, Collected, Stat, Vault, Verified};
use crate::holds::Holds;
use crate::owner::{Owner, Reference};

/// Blocks being written at the same time; bounds memory and open files.
const WRITERS: usize = 16;

/// A vault on disk. Clones share it; the directory's lock is released with the last one.
#[derive(Clone)]
pub struct EmbeddedVault {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<Disk>,
    holds: Arc<Holds>,
    writers: Arc<Semaphore>,
    /// One collection or verification at a time.
    sweeping: Mutex<()>,
    /// Pins and unpins one after the other, so that the last one called wins on disk too.
    pinning: Mutex<()>,
}

impl EmbeddedVault {
    /// Opens the store in `root`, creating it if there is none, and removes what an earlier
    /// process left half written.
    ///
    /// # Errors
    /// [`crate::Error::Locked`] when another process uses it, [`crate::Error::Malformed`] when the directory
    /// holds something else, [`crate::Error::Io`].
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let disk = blocking(move || Disk::open(&root)).await?;
        let inner = Inner {
            disk: Arc::new(disk),
            holds: Arc::default(),
            writers: Arc::new(Semaphore::new(WRITERS)),
            sweeping: Mutex::default(),
            pinning: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The store's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.inner.disk.root()
    }

    /// The file that holds a block. For inspection; change nothing there.
    ///
    /// # Errors
    /// [`crate::Error::UnsupportedCid`].
    pub fn block_path(&self, cid: &Cid) -> Result<PathBuf> {
        Ok(self.inner.disk.block_path(&block::normalise(cid)?))
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = self.inner.disk.clone();
        blocking(move || work(&disk)).await
    }
}

/// Runs file system work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[async_trait]
impl Vault for EmbeddedVault {
    fn engine(&self) -> &'static str {
        "embedded"
    }

    fn shared(&self) -> Arc<dyn Vault> {
        Arc::new(self.clone())
    }

    async fn begin(&self) -> Result<Box<dyn Batch>> {
        let inner = &self.inner;
        Ok(Box::new(batch::DiskBatch::new(
            inner.disk.clone(),
            inner.holds.hold(),
            inner.writers.clone(),
        )))
    }

    async fn get_block(&self, cid: &Cid) -> Result<Bytes> {
        let cid = block::normalise(cid)?;
        if let Some(data) = block::inline_data(&cid) {
            return Ok(data);
        }
        self.on_disk(move |disk| disk.read_verified(&cid)).await
    }

    async fn has(&self, cid: &Cid) -> Result<bool> {
        let cid = block::normalise(cid)?;
        if block::inline_data(&cid).is_some() {
            return Ok(true);
        }
        self.on_disk(move |disk| disk.has(&cid)).await
    }

    async fn lacking(&self, cids: &[Cid]) -> Result<Vec<Cid>> {
        let cids = cids.to_vec();
        self.on_disk(move |disk| {
            let mut lacking = Vec::new();
            for cid in cids {
                let stored = block::normalise(&cid)?;
                if block::inline_data(&stored).is_none() && !disk.has(&stored)? {
                    lacking.push(cid);
                }
            }
            Ok(lacking)
        })
        .await
    }

    async fn pin_for(&self, root: &Cid, owner: &Owner) -> Result<()> {
        let reference = Reference::new(block::normalise(root)?, owner.clone());
        let mut hold = self.inner.holds.hold();
        for cid in dag::walk(self, &reference.root, DagLimits::default()).await? {
            hold.add(cid);
        }
        dag::complete(self, &reference.root, DagLimits::default()).await?;
        let _order = self.inner.pinning.lock().await;
        self.on_disk(move |disk| disk.add_pin(&reference)).await
    }

    async fn unpin_for(&self, root: &Cid, owner: &Owner) -> Result<bool> {
        let reference = Reference::new(block::normalise(root)?, owner.clone());
        let _order = self.inner.pinning.lock().await;
        self.on_disk(move |disk| disk.remove_pin(&reference)).await
    }

    async fn references(&self) -> Result<Vec<Reference>> {
        self.on_disk(Disk::references).await
    }

    async fn gc(&self) -> Result<Collected> {
        let _one = self.inner.sweeping.lock().await;
        collect::gc(self).await
    }

    async fn stat(&self) -> Result<Stat> {
        let pins = self.pins().await?.len() as u64;
        self.on_disk(move |disk| {
            let mut stat = Stat {
                pins,
                ..Stat::default()
            };
            disk.for_each_block(|_, bytes| {
                stat.blocks += 1;
                stat.bytes += bytes;
                Ok(())
            })?;
            Ok(stat)
        })
        .await
    }

    async fn verify(&self) -> Result<Verified> {
        let _one = self.inner.sweeping.lock().await;
        collect::verify(self).await
    }
}
