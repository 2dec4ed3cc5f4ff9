//! Where the index is kept.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::event::{Indexed, Kind};
use crate::error::{Error, Result};

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// How far an index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The newest block that is indexed.
    pub tip: BlockRef,
    /// Height of the newest final block when `tip` was indexed; `None` if none was.
    pub last_final: Option<u64>,
}

/// One step of an index: blocks that follow its tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The tip that this step follows; `None` for an empty index.
    pub after: Option<BlockRef>,
    /// What the index has come to with it.
    pub progress: Progress,
    /// Blocks whose hashes are to be remembered, to find where a reorganisation began.
    pub blocks: Vec<BlockRef>,
    /// Events of these blocks, in order.
    pub events: Vec<Indexed>,
}

/// Keeps an index of the contracts' events. It is a cache of the chain: losing it costs the time
/// to build it again.
#[async_trait]
pub trait IndexStore: Send + Sync {
    /// How far the index has come; `None` if it is empty.
    async fn progress(&self) -> Result<Option<Progress>>;

    /// The newest remembered block of at most this height.
    async fn block_at_most(&self, number: u64) -> Result<Option<BlockRef>>;

    /// Adds a step, all or nothing. Remembered blocks more than 1024 below the last final one may
    /// be forgotten.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the index's tip is not the step's `after`.
    async fn apply(&self, step: &Step) -> Result<()>;

    /// Takes back all blocks and events above `to`, which is remembered, and makes it the tip; for
    /// `None` empties the index. All or nothing.
    async fn rewind(&self, to: Option<BlockRef>) -> Result<()>;

    /// Up to `limit` events after this place (block, number in the block), in order; `None` from
    /// the beginning.
    async fn events_after(&self, place: Option<(u64, u64)>, limit: usize) -> Result<Vec<Indexed>>;

    /// All events of one kind about one subject, in order.
    async fn events_of(&self, kind: Kind, subject: Address) -> Result<Vec<Indexed>>;

    /// All events of one kind, in order.
    async fn events_of_kind(&self, kind: Kind) -> Result<Vec<Indexed>>;
}

/// An index in memory, for tests and short-lived programs.
#[derive(Debug, Default)]
pub struct MemoryIndex(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    progress: Option<Progress>,
    blocks: BTreeMap<u64, B256>,
    events: BTreeMap<(u64, u64), Indexed>,
}

impl MemoryIndex {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic while it was held left nothing half done: every change below is in one go.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn find(&self, want: impl Fn(&Indexed) -> bool) -> Vec<Indexed> {
        self.memory()
            .events
            .values()
            .filter(|event| want(event))
            .cloned()
            .collect()
    }
}

#[async_trait]
impl IndexStore for MemoryIndex {
    async fn progress(&self) -> Result<Option<Progress>> {
        Ok(self.memory().progress)
    }

    async fn block_at_most(&self, number: u64) -> Result<Option<BlockRef>> {
        let memory = self.memory();
        let found = memory.blocks.range(..=number).next_back();
        Ok(found.map(|(number, hash)| BlockRef {
            number: *number,
            hash: *hash,
        }))
    }

    async fn apply(&self, step: &Step) -> Result<()> {
        let mut memory = self.memory();
        if memory.progress.map(|progress| progress.tip) != step.after {
            return Err(Error::Conflict);
        }
        memory.progress = Some(step.progress);
        memory
            .blocks
            .extend(step.blocks.iter().map(|block| (block.number, block.hash)));
        for event in &step.events {
            memory
                .events
                .insert((event.block, event.log_index), event.clone());
        }
        Ok(())
    }

    async fn rewind(&self, to: Option<BlockRef>) -> Result<()> {
        let mut memory = self.memory();
        let Some(to) = to else {
            *memory = Memory::default();
            return Ok(());
        };
        let above = to.number.saturating_add(1);
        memory.blocks.split_off(&above);
        memory.events.split_off(&(above, 0));
        if let Some(progress) = &mut memory.progress {
            progress.tip = to;
        }
        Ok(())
    }

    async fn events_after(&self, place: Option<(u64, u64)>, limit: usize) -> Result<Vec<Indexed>> {
        let memory = self.memory();
        let from = match place {
            Some((block, index)) => (block, index.saturating_add(1)),
            None => (0, 0),
        };
        Ok(memory
            .events
            .range(from..)
            .take(limit)
            .map(|(_, event)| event.clone())
            .collect())
    }

    async fn events_of(&self, kind: Kind, subject: Address) -> Result<Vec<Indexed>> {
        Ok(self.find(|e| e.event.kind() == kind && e.event.subject() == subject))
    }

    async fn events_of_kind(&self, kind: Kind) -> Result<Vec<Indexed>> {
        Ok(self.find(|e| e.event.kind() == kind))
    }
}
