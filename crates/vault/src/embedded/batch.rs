//! Putting blocks: many are written and flushed side by side, then named together.

use std::sync::Arc;

use async_trait::async_trait;
use cid::Cid;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::blocking;
use super::disk::{Disk, Draft};
use crate::block::{self, Block};
use crate::engine::Batch;
use crate::holds::Hold;
use crate::{Error, Result};

pub(super) struct DiskBatch {
    disk: Arc<Disk>,
    hold: Hold,
    writers: Arc<Semaphore>,
    writing: JoinSet<Result<(Cid, Option<Draft>)>>,
    drafts: Vec<Draft>,
    /// Blocks that were there already. Their directory may still wait for another batch's flush.
    present: Vec<Cid>,
}

impl DiskBatch {
    pub(super) fn new(disk: Arc<Disk>, hold: Hold, writers: Arc<Semaphore>) -> Self {
        Self {
            disk,
            hold,
            writers,
            writing: JoinSet::new(),
            drafts: Vec::new(),
            present: Vec::new(),
        }
    }

    fn take(&mut self, (cid, draft): (Cid, Option<Draft>)) {
        match draft {
            Some(draft) => self.drafts.push(draft),
            None => self.present.push(cid),
        }
    }
}

#[async_trait]
impl Batch for DiskBatch {
    async fn put(&mut self, block: Block) -> Result<()> {
        if block::inline_data(block.cid()).is_some() {
            return Ok(());
        }
        // Held first, looked for second: see `holds`.
        self.hold.add(*block.cid());
        let permit = self
            .writers
            .clone()
            .acquire_owned()
            .await
            .map_err(|e| Error::Task(e.to_string()))?;
        let disk = self.disk.clone();
        self.writing.spawn_blocking(move || {
            let _permit = permit;
            Ok((*block.cid(), disk.draft(&block)?))
        });
        while let Some(done) = self.writing.try_join_next() {
            self.take(done??);
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        while let Some(done) = self.writing.join_next().await {
            self.take(done??);
        }
        let (drafts, present) = (
            std::mem::take(&mut self.drafts),
            std::mem::take(&mut self.present),
        );
        let disk = self.disk.clone();
        blocking(move || disk.publish(drafts, &present)).await
    }
}
