//! The institution's log on the hospital's store.
//!
//! Entries are written in one batch with the change that they are about ([`append`]), so that
//! neither happens without the other; everything else, proofs, checkpoints and tiles, is
//! [`ledger::log`]'s, over the [`Leaves`] kept here.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use ledger::log::merkle::leaf_hash;
use ledger::log::tile::{Edge, Tile, TileId};
use ledger::log::{Entry, LogStore, SignedCheckpoint};

use crate::model::document::{Batch, Held, Kind, Query, decode};
use crate::model::error::{Error, Result, StoreError};
use crate::model::log_entry::Touch;
use crate::model::log_page::{CHECKPOINTS, CheckpointPage, SIZE, Size, TilePage};
use crate::ports::store::{Documents, Store};
use crate::uses::journal::journaled::Journaled;

/// The log's entries, tiles and checkpoints as documents.
pub struct Leaves {
    store: Arc<Journaled>,
}

impl Leaves {
    /// Those in `store`.
    #[must_use]
    pub fn new(store: Arc<Journaled>) -> Self {
        Self { store }
    }
}

/// Add to `batch` that the log grows by `touches`, and return its edge afterwards.
pub(crate) async fn append(
    store: &Journaled,
    batch: &mut Batch,
    edge: &Edge,
    touches: &[Touch],
) -> Result<Edge> {
    let mut grown = edge.clone();
    let mut tiles = std::collections::BTreeMap::new();
    for touch in touches {
        grown.push(leaf_hash(touch.salted_digest().as_slice()), |tile| {
            tiles.insert(tile.id, tile);
        });
    }
    let tiles: Vec<Tile> = tiles.into_values().collect();
    extend(store, batch, edge.size(), touches, &tiles).await?;
    Ok(grown)
}

pub(crate) async fn extend(
    store: &Journaled,
    batch: &mut Batch,
    at: u64,
    touches: &[Touch],
    tiles: &[Tile],
) -> Result<(), StoreError> {
    let held = store.load::<Size>(SIZE).await?;
    if held.as_ref().map_or(0, |h| h.document.size) != at {
        return Err(StoreError::Conflict {
            kind: Kind::Log.name(),
            id: SIZE.to_owned(),
        });
    }
    let next = Size {
        size: at + touches.len() as u64,
    };
    match held {
        Some(held) => batch.replace(&Held {
            version: held.version,
            document: next,
        })?,
        None => batch.create(&next)?,
    }
    touches.iter().try_for_each(|touch| batch.create(touch))?;
    tiles.iter().try_for_each(|tile| {
        let (level, index, hashes) = (tile.id.level, tile.id.index, tile.hashes.clone());
        batch.put(&TilePage {
            level,
            index,
            hashes,
        })
    })
}

/// The edge of the log in `leaves`, as it is now.
pub(crate) async fn edge(leaves: &Leaves) -> Result<Edge> {
    let failed = |e: ledger::Error| Error::Log(e.to_string());
    let size = leaves.size().await.map_err(failed)?;
    let mut levels = Vec::new();
    for level in 0..Edge::levels_of(size) {
        let index = size.checked_shr(8 * u32::from(level)).unwrap_or(0) / ledger::log::tile::WIDTH;
        let width = Edge::partial_width(size, level);
        levels.push(
            leaves
                .partial(TileId { level, index }, width)
                .await
                .map_err(failed)?,
        );
    }
    Edge::new(size, levels).map_err(failed)
}

impl Leaves {
    async fn partial(&self, id: TileId, width: u64) -> ledger::Result<Vec<B256>> {
        if width == 0 {
            return Ok(Vec::new());
        }
        if id.level == 0 {
            let from = id.index * ledger::log::tile::WIDTH;
            let entries = self.entries(from, from + width).await?;
            return Ok(entries
                .iter()
                .map(|e| leaf_hash(e.digest.as_slice()))
                .collect());
        }
        let mut hashes = self.tile(id).await?.unwrap_or_default();
        hashes.truncate(usize::try_from(width).unwrap_or(usize::MAX));
        Ok(hashes)
    }
}

pub(crate) fn store_failed(error: StoreError) -> ledger::Error {
    match error {
        StoreError::Conflict { .. } => ledger::Error::Conflict,
        other => ledger::Error::store(other),
    }
}

pub(crate) fn entry_of(touch: &Touch) -> ledger::Result<Entry> {
    let payload = serde_ipld_dagcbor::to_vec(touch).map_err(ledger::Error::store)?;
    Ok(Entry {
        digest: touch.salted_digest(),
        payload: Bytes::from(payload),
    })
}

#[async_trait]
impl LogStore for Leaves {
    async fn size(&self) -> ledger::Result<u64> {
        let held = self.store.load::<Size>(SIZE).await.map_err(store_failed)?;
        Ok(held.map_or(0, |h| h.document.size))
    }

    async fn append(&self, at: u64, entries: &[Entry], tiles: &[Tile]) -> ledger::Result<()> {
        let read = |e: &Entry| serde_ipld_dagcbor::from_slice::<Touch>(&e.payload);
        let touches: Result<Vec<Touch>, _> = entries.iter().map(read).collect();
        let touches = touches.map_err(|e| ledger::Error::store(e.to_string()))?;
        let mut batch = Batch::new();
        extend(&self.store, &mut batch, at, &touches, tiles)
            .await
            .map_err(store_failed)?;
        self.store.apply(&batch).await.map_err(store_failed)
    }

    async fn entries(&self, from: u64, to: u64) -> ledger::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut at = from;
        while at < to {
            let mut query = Query::of(Kind::Touch);
            if let Some(before) = at.checked_sub(1) {
                query = query.after(Touch::id_of(before));
            }
            let left = u32::try_from(to - at).unwrap_or(u32::MAX).min(1000);
            let touches = self.store.list(&query, left).await.map_err(store_failed)?;
            if touches.is_empty() {
                break;
            }
            at += touches.len() as u64;
            for row in touches {
                let held = decode::<Touch>(row).map_err(store_failed)?;
                entries.push(entry_of(&held.document)?);
            }
        }
        Ok(entries)
    }

    /// Reads the log from the start: salts are random, so nobody here ever has to ask.
    async fn find(&self, digest: B256) -> ledger::Result<Option<u64>> {
        let size = self.size().await?;
        let mut at = 0;
        while at < size {
            let page = self.entries(at, at + 1000).await?;
            if let Some(found) = page.iter().position(|e| e.digest == digest) {
                return Ok(Some(at + found as u64));
            }
            if page.is_empty() {
                break;
            }
            at += page.len() as u64;
        }
        Ok(None)
    }

    async fn tile(&self, id: TileId) -> ledger::Result<Option<Vec<B256>>> {
        let held = self
            .store
            .load::<TilePage>(&TilePage::id_of(id))
            .await
            .map_err(store_failed)?;
        Ok(held.map(|h| h.document.hashes))
    }

    async fn put_checkpoint(&self, checkpoint: &SignedCheckpoint) -> ledger::Result<()> {
        let id = CheckpointPage::id_of(checkpoint.size);
        let kept = self
            .store
            .load::<CheckpointPage>(&id)
            .await
            .map_err(store_failed)?;
        match kept {
            Some(kept) if kept.document.0.root == checkpoint.root => Ok(()),
            Some(_) => Err(ledger::Error::Conflict),
            None => {
                let mut batch = Batch::new();
                batch
                    .create(&CheckpointPage(checkpoint.clone()))
                    .map_err(store_failed)?;
                self.store.apply(&batch).await.map_err(store_failed)
            }
        }
    }

    async fn checkpoint(&self, size: u64) -> ledger::Result<Option<SignedCheckpoint>> {
        // Listing goes upwards only; checkpoints are few (one an hour), so read on to the last.
        let mut last = None;
        let mut from = 0;
        loop {
            let page = self.checkpoints(from, 1000).await?;
            let Some(end) = page.last() else {
                return Ok(last);
            };
            from = end.size + 1;
            let below = page.into_iter().rfind(|c| c.size <= size);
            match below {
                Some(found) => last = Some(found),
                None => return Ok(last),
            }
        }
    }

    async fn checkpoints(&self, from: u64, limit: usize) -> ledger::Result<Vec<SignedCheckpoint>> {
        let after = match from.checked_sub(1) {
            Some(before) => CheckpointPage::id_of(before),
            None => CHECKPOINTS.to_owned(),
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        // Checkpoints sort before "size" and tiles, which are left out by their ids.
        let query = Query::of(Kind::Log).after(after);
        let rows = self.store.list(&query, limit).await.map_err(store_failed)?;
        rows.into_iter()
            .take_while(|row| row.id.starts_with(CHECKPOINTS))
            .map(|row| {
                Ok(decode::<CheckpointPage>(row)
                    .map_err(store_failed)?
                    .document
                    .0)
            })
            .collect()
    }
}
