//! Where a log is kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::checkpoint::SignedCheckpoint;
use super::tile::{Tile, TileId};
use crate::error::{Error, Result};

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What the tree holds and the world sees: the salted digest ([`super::entry_digest`]).
    pub digest: B256,
    /// What the institution keeps beside it, such as the entry and its salt. Never served with
    /// the tree.
    pub payload: Bytes,
}

/// Keeps one log. Every method that writes returns only when the data would survive the loss of
/// power.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// How many entries there are.
    async fn size(&self) -> Result<u64>;

    /// Appends entries and stores tiles over those of the same place, all or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the log has not exactly `at` entries, or one of the digests is there
    /// already: then nothing was changed.
    async fn append(&self, at: u64, entries: &[Entry], tiles: &[Tile]) -> Result<()>;

    /// The entries `[from, to)`, fewer if the log ends before.
    async fn entries(&self, from: u64, to: u64) -> Result<Vec<Entry>>;

    /// Where the entry with this digest is.
    async fn find(&self, digest: B256) -> Result<Option<u64>>;

    /// The hashes of a tile as last stored; full tiles of level 0, all tiles above.
    async fn tile(&self, id: TileId) -> Result<Option<Vec<B256>>>;

    /// Keeps a signed checkpoint. One of the same size and root may be kept already.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one of the same size and another root is kept.
    async fn put_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<()>;

    /// The largest checkpoint of at most `size` entries.
    async fn checkpoint(&self, size: u64) -> Result<Option<SignedCheckpoint>>;

    /// Up to `limit` checkpoints of at least `from` entries, by size.
    async fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>>;
}

/// A log in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryLog(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    entries: Vec<Entry>,
    places: HashMap<B256, u64>,
    tiles: BTreeMap<TileId, Vec<B256>>,
    checkpoints: BTreeMap<u64, SignedCheckpoint>,
}

impl MemoryLog {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic while it was held left nothing half done: every change below is in one go.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl LogStore for MemoryLog {
    async fn size(&self) -> Result<u64> {
        Ok(self.memory().entries.len() as u64)
    }

    async fn append(&self, at: u64, entries: &[Entry], tiles: &[Tile]) -> Result<()> {
        let mut memory = self.memory();
        let known = entries
            .iter()
            .any(|entry| memory.places.contains_key(&entry.digest));
        if memory.entries.len() as u64 != at || known {
            return Err(Error::Conflict);
        }
        for (index, entry) in (at..).zip(entries) {
            memory.places.insert(entry.digest, index);
        }
        memory.entries.extend_from_slice(entries);
        for tile in tiles {
            memory.tiles.insert(tile.id, tile.hashes.clone());
        }
        Ok(())
    }

    async fn entries(&self, from: u64, to: u64) -> Result<Vec<Entry>> {
        let memory = self.memory();
        let end = memory
            .entries
            .len()
            .min(to.try_into().unwrap_or(usize::MAX));
        let start = end.min(from.try_into().unwrap_or(usize::MAX));
        Ok(memory.entries[start..end].to_vec())
    }

    async fn find(&self, digest: B256) -> Result<Option<u64>> {
        Ok(self.memory().places.get(&digest).copied())
    }

    async fn tile(&self, id: TileId) -> Result<Option<Vec<B256>>> {
        Ok(self.memory().tiles.get(&id).cloned())
    }

    async fn put_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<()> {
        let mut memory = self.memory();
        let kept = memory
            .checkpoints
            .entry(checkpoint.size)
            .or_insert_with(|| checkpoint.clone());
        if kept.root == checkpoint.root {
            Ok(())
        } else {
            Err(Error::Conflict)
        }
    }

    async fn checkpoint(&self, size: u64) -> Result<Option<SignedCheckpoint>> {
        Ok(self
            .memory()
            .checkpoints
            .range(..=size)
            .next_back()
            .map(|(_, kept)| kept.clone()))
    }

    async fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>> {
        let memory = self.memory();
        Ok(memory
            .checkpoints
            .range(from..)
            .take(limit)
            .map(|(_, kept)| kept.clone())
            .collect())
    }
}
