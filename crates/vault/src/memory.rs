//! The engine for tests: everything in memory.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;

use crate::block::{self, Block};
use crate::dag::{self, DagLimits};
use crate::engine::{Batch, Collected, Stat, Vault, Verified};
use crate::holds::{Hold, Holds};
use crate::owner::{Owner, Reference};
use crate::{Error, Result};

#[derive(Default)]
struct Store {
    blocks: HashMap<Cid, Bytes>,
    pins: HashSet<Reference>,
}

/// A vault in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryVault {
    store: Arc<Mutex<Store>>,
    holds: Arc<Holds>,
    collecting: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryVault {
    /// An empty vault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a stored block behind the vault's back, for tests of damage: `None` removes it.
    pub fn tamper(&self, cid: &Cid, bytes: Option<Bytes>) {
        let mut store = self.lock();
        match bytes {
            Some(bytes) => store.blocks.insert(*cid, bytes),
            None => store.blocks.remove(cid),
        };
    }

    async fn kept(&self) -> Result<HashSet<Cid>> {
        let mut kept = HashSet::new();
        for root in self.pins().await? {
            kept.extend(dag::walk(self, &root, DagLimits::default()).await?);
        }
        Ok(kept)
    }
}

#[async_trait]
impl Vault for MemoryVault {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn shared(&self) -> Arc<dyn Vault> {
        Arc::new(self.clone())
    }

    async fn begin(&self) -> Result<Box<dyn Batch>> {
        Ok(Box::new(MemoryBatch {
            vault: self.clone(),
            hold: self.holds.hold(),
            blocks: Vec::new(),
        }))
    }

    async fn get_block(&self, cid: &Cid) -> Result<Bytes> {
        let cid = block::normalise(cid)?;
        if let Some(data) = block::inline_data(&cid) {
            return Ok(data);
        }
        let data = self
            .lock()
            .blocks
            .get(&cid)
            .cloned()
            .ok_or(Error::NotFound(cid))?;
        if block::check_bytes(&cid, &data).is_err() {
            self.lock().blocks.remove(&cid);
            return Err(Error::Damaged(cid));
        }
        Ok(data)
    }

    async fn has(&self, cid: &Cid) -> Result<bool> {
        let cid = block::normalise(cid)?;
        Ok(block::inline_data(&cid).is_some() || self.lock().blocks.contains_key(&cid))
    }

    async fn pin_for(&self, root: &Cid, owner: &Owner) -> Result<()> {
        let root = block::normalise(root)?;
        let mut hold = self.holds.hold();
        for cid in dag::walk(self, &root, DagLimits::default()).await? {
            hold.add(cid);
        }
        dag::complete(self, &root, DagLimits::default()).await?;
        let reference = Reference::new(root, owner.clone());
        self.lock().pins.insert(reference);
        Ok(())
    }

    async fn unpin_for(&self, root: &Cid, owner: &Owner) -> Result<bool> {
        let reference = Reference::new(block::normalise(root)?, owner.clone());
        Ok(self.lock().pins.remove(&reference))
    }

    async fn references(&self) -> Result<Vec<Reference>> {
        Ok(self.lock().pins.iter().cloned().collect())
    }

    async fn gc(&self) -> Result<Collected> {
        let _one = self.collecting.lock().await;
        let _collection = self.holds.collect();
        let kept = self.kept().await?;
        let all: Vec<Cid> = self.lock().blocks.keys().copied().collect();
        let mut collected = Collected::default();
        for cid in all.into_iter().filter(|cid| !kept.contains(cid)) {
            let removed = self
                .holds
                .unless_held(&cid, || self.lock().blocks.remove(&cid));
            if let Some(Some(data)) = removed {
                collected.blocks += 1;
                collected.bytes += data.len() as u64;
            }
        }
        Ok(collected)
    }

    async fn stat(&self) -> Result<Stat> {
        let pins = self.pins().await?.len() as u64;
        let store = self.lock();
        Ok(Stat {
            blocks: store.blocks.len() as u64,
            bytes: store.blocks.values().map(|b| b.len() as u64).sum(),
            pins,
        })
    }

    async fn verify(&self) -> Result<Verified> {
        let all: BTreeSet<Cid> = self.lock().blocks.keys().copied().collect();
        let mut found = Verified::default();
        for cid in all {
            match self.get_block(&cid).await {
                Err(Error::Damaged(cid)) => found.damaged.push(cid),
                _ => found.checked += 1,
            }
        }
        found.checked += found.damaged.len() as u64;
        found.missing = dag::missing(self).await?;
        Ok(found)
    }
}

struct MemoryBatch {
    vault: MemoryVault,
    hold: Hold,
    blocks: Vec<Block>,
}

#[async_trait]
impl Batch for MemoryBatch {
    async fn put(&mut self, block: Block) -> Result<()> {
        self.hold.add(*block.cid());
        self.blocks.push(block);
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        let mut store = self.vault.lock();
        for block in self.blocks.drain(..) {
            store.blocks.insert(*block.cid(), block.into_data());
        }
        Ok(())
    }
}
