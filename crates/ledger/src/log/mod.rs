//! An institution's append-only log: one salted digest for every touch of a record, in a Merkle
//! tree whose signed checkpoints are anchored on chain.
//!
//! Hashing is RFC 6962's, the layout that of `c2sp.org/tlog-tiles`, checkpoints are notes of
//! `c2sp.org/tlog-checkpoint`, proofs travel as `c2sp.org/tlog-proof`. `docs/formats.md` has every
//! byte.

mod anchor;
pub mod checkpoint;
mod fraud;
pub mod merkle;
mod proof;
mod store;
pub mod tile;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use acts::Signer;
use alloy_primitives::B256;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

pub use anchor::{Anchor, Anchored, anchor_call};
pub use checkpoint::{Origin, SignedCheckpoint};
pub use fraud::{FRAUD_FORMAT, FraudProof, MAX_FRAUD_FILE};
pub use merkle::{ConsistencyProof, InclusionProof};
pub use proof::EntryProof;
pub use store::{Entry, LogStore, MemoryLog};

use crate::error::{Error, Result};
use merkle::{Node, leaf_hash};
use tile::{Edge, Resource, Tile, TileId};

/// Largest payload kept with an entry, in bytes.
pub const MAX_PAYLOAD: usize = 64 << 10;

/// First bytes of what an entry's digest is made of.
const ENTRY_TAG: &[u8] = b"stele/log-entry/v1\0";

/// The digest that stands in the tree for an entry:
/// SHA-256("stele/log-entry/v1" ‖ 0x00 ‖ salt ‖ entry). Without the 32-byte random salt it says
/// nothing about the entry; with it, it can mean no other.
pub fn entry_digest(salt: &[u8; 32], entry: &[u8]) -> B256 {
    let digest = Sha256::new()
        .chain_update(ENTRY_TAG)
        .chain_update(salt)
        .chain_update(entry)
        .finalize();
    B256::from_slice(&digest)
}

/// A log: appends durably, proves what it holds, and signs checkpoints.
///
/// Several processes may append to one store: each append is refused by the store if the log has
/// grown meanwhile, and tried again on what it has become.
pub struct Log {
    store: Arc<dyn LogStore>,
    origin: Origin,
    edge: Mutex<Edge>,
    waiting: std::sync::Mutex<Vec<Waiting>>,
}

struct Waiting {
    entry: Entry,
    answer: tokio::sync::oneshot::Sender<Result<u64>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens a log and checks that its tiles lead to the root of its last checkpoint.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the store does not hold what was signed; or the store's failure.
    pub async fn open(store: Arc<dyn LogStore>, origin: Origin) -> Result<Self> {
        let edge = load_edge(store.as_ref()).await?;
        let log = Self {
            store,
            origin,
            edge: Mutex::new(edge),
            waiting: Default::default(),
        };
        if let Some(last) = log.store.checkpoint(u64::MAX).await? {
            log.check_kept(&last).await?;
        }
        Ok(log)
    }

    async fn check_kept(&self, last: &SignedCheckpoint) -> Result<()> {
        if last.origin != self.origin {
            return Err(Error::corrupt("log", "its checkpoint is of another log"));
        }
        if self.root(last.size).await? != last.root {
            return Err(Error::corrupt(
                "log",
                format!(
                    "its first {} entries are not those that were signed",
                    last.size
                ),
            ));
        }
        Ok(())
    }

    /// Which log it is.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Where it is kept.
    pub fn store(&self) -> &Arc<dyn LogStore> {
        &self.store
    }

    /// How many entries there are now.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn size(&self) -> Result<u64> {
        self.store.size().await
    }

    /// Appends an entry; returns its index when it is stored durably. An entry whose digest is in
    /// the log already is not appended again: its index is returned, so that a caller who is not
    /// sure can simply ask again with the same salt.
    ///
    /// Entries that arrive while others are being written are written together.
    ///
    /// # Errors
    /// [`Error::EntryTooLarge`], or the store's failure: then serve nothing that must be logged.
    pub async fn append(&self, entry: Entry) -> Result<u64> {
        if entry.payload.len() > MAX_PAYLOAD {
            return Err(Error::EntryTooLarge {
                size: entry.payload.len(),
                limit: MAX_PAYLOAD,
            });
        }
        let (answer, mut answered) = tokio::sync::oneshot::channel();
        self.waiting_entries().push(Waiting { entry, answer });
        let mut edge = self.edge.lock().await;
        // Whoever held the lock before may have written ours along with its own.
        if let Ok(result) = answered.try_recv() {
            return result;
        }
        let batch = std::mem::take(&mut *self.waiting_entries());
        let entries: Vec<Entry> = batch.iter().map(|waiting| waiting.entry.clone()).collect();
        match self.write(&mut edge, &entries).await {
            Ok(indices) => {
                for (waiting, index) in batch.into_iter().zip(indices) {
                    let _ = waiting.answer.send(Ok(index));
                }
            }
            Err(error) => {
                let said = error.to_string();
                for waiting in batch {
                    let _ = waiting.answer.send(Err(Error::store(said.clone())));
                }
            }
        }
        drop(edge);
        answered
            .await
            .unwrap_or_else(|_| Err(Error::store("the writer was stopped")))
    }

    fn waiting_entries(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        // A panic while it was held cannot have left the list half changed.
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes entries at the end of the log, whatever its end is by now.
    async fn write(&self, edge: &mut Edge, entries: &[Entry]) -> Result<Vec<u64>> {
        loop {
            let (indices, new) = self.place(edge, entries).await?;
            if new.is_empty() {
                return Ok(indices);
            }
            let mut grown = edge.clone();
            let mut tiles: HashMap<TileId, Tile> = HashMap::new();
            for entry in &new {
                grown.push(leaf_hash(entry.digest.as_slice()), |tile| {
                    tiles.insert(tile.id, tile);
                });
            }
            let tiles: Vec<Tile> = tiles.into_values().collect();
            match self.store.append(edge.size(), &new, &tiles).await {
                Ok(()) => {
                    *edge = grown;
                    return Ok(indices);
                }
                // Another process was first, or an earlier write of ours went further than we
                // were told.
                Err(Error::Conflict) => *edge = load_edge(self.store.as_ref()).await?,
                Err(other) => return Err(other),
            }
        }
    }

    /// The index of each entry, and those that are new.
    async fn place(&self, edge: &Edge, entries: &[Entry]) -> Result<(Vec<u64>, Vec<Entry>)> {
        let mut new: Vec<Entry> = Vec::new();
        let mut indices = Vec::with_capacity(entries.len());
        let mut placed: HashMap<B256, u64> = HashMap::new();
        for entry in entries {
            let known = match placed.get(&entry.digest) {
                Some(index) => Some(*index),
                None => self.store.find(entry.digest).await?,
            };
            let index = known.unwrap_or_else(|| {
                new.push(entry.clone());
                edge.size() + new.len() as u64 - 1
            });
            placed.insert(entry.digest, index);
            indices.push(index);
        }
        Ok((indices, new))
    }

    /// An entry.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], or the store's failure.
    pub async fn entry(&self, index: u64) -> Result<Entry> {
        let found = self.store.entries(index, index.saturating_add(1)).await?;
        match found.into_iter().next() {
            Some(entry) => Ok(entry),
            None => Err(Error::OutOfRange {
                asked: index,
                size: self.size().await?,
            }),
        }
    }

    /// Root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Corrupt`], or the store's failure.
    pub async fn root(&self, size: u64) -> Result<B256> {
        self.check_size(size).await?;
        let nodes = merkle::root_nodes(size);
        let hashes = Reader::new(self, size).hashes(&nodes).await?;
        Ok(merkle::fold(&hashes).unwrap_or_else(merkle::empty_root))
    }

    /// That entry `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Corrupt`], or the store's failure.
    pub async fn inclusion(&self, index: u64, size: u64) -> Result<InclusionProof> {
        self.check_size(size).await?;
        if index >= size {
            return Err(Error::OutOfRange { asked: index, size });
        }
        let path = self
            .path(&merkle::inclusion_nodes(index, size), size)
            .await?;
        Ok(InclusionProof { index, size, path })
    }

    /// That the tree of the first `new` entries begins with that of the first `old`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Corrupt`], or the store's failure.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof> {
        self.check_size(new).await?;
        if old > new {
            return Err(Error::OutOfRange {
                asked: old,
                size: new,
            });
        }
        let path = self.path(&merkle::consistency_nodes(old, new), new).await?;
        Ok(ConsistencyProof { old, new, path })
    }

    /// All that a stranger needs to see that an entry is in the log: the smallest signed
    /// checkpoint that covers it, or `None` if none does yet.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Corrupt`], or the store's failure.
    pub async fn prove(&self, index: u64) -> Result<Option<EntryProof>> {
        let after = index.saturating_add(1);
        let Some(checkpoint) = self.store.checkpoints(after, 1).await?.into_iter().next() else {
            return Ok(None);
        };
        let proof = self.inclusion(index, checkpoint.size).await?;
        Ok(Some(EntryProof {
            index,
            path: proof.path,
            checkpoint,
        }))
    }

    /// Signs a checkpoint of the log as it is now and keeps it. If the log has not grown, the last
    /// one is returned again.
    ///
    /// # Errors
    /// [`Error::WrongSigner`], [`Error::Signing`]; [`Error::Corrupt`] if the log is not what was
    /// signed before; or the store's failure.
    pub async fn checkpoint(&self, signer: &dyn Signer) -> Result<SignedCheckpoint> {
        let size = self.size().await?;
        let last = self.store.checkpoint(u64::MAX).await?;
        if let Some(last) = &last {
            if last.size > size {
                return Err(Error::corrupt(
                    "log",
                    "it is shorter than its last checkpoint",
                ));
            }
            self.check_kept(last).await?;
            if last.size == size {
                return Ok(last.clone());
            }
        }
        let root = self.root(size).await?;
        let checkpoint = SignedCheckpoint::sign(self.origin, size, root, signer)?;
        self.store.put_checkpoint(&checkpoint).await?;
        Ok(checkpoint)
    }

    /// The last signed checkpoint.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn latest_checkpoint(&self) -> Result<Option<SignedCheckpoint>> {
        self.store.checkpoint(u64::MAX).await
    }

    /// The bytes that stand under a path of the static layout; `None` if nothing does. Tiles and
    /// entries are served up to the last signed checkpoint.
    ///
    /// # Errors
    /// [`Error::Corrupt`], or the store's failure.
    pub async fn serve(&self, resource: Resource) -> Result<Option<Vec<u8>>> {
        let Some(last) = self.latest_checkpoint().await? else {
            return Ok(None);
        };
        let range = |index: u64, width: u64| -> Option<Range<u64>> {
            let from = index.checked_mul(tile::WIDTH)?;
            Some(from..from.checked_add(width)?)
        };
        match resource {
            Resource::Checkpoint => Ok(Some(last.to_note().into_bytes())),
            Resource::Tile { id, width } => {
                if id.width(last.size) < width {
                    return Ok(None);
                }
                let mut hashes = Reader::new(self, last.size).tile(id).await?;
                hashes.truncate(width as usize);
                Ok(Some(Tile { id, hashes }.to_bytes()))
            }
            Resource::Entries { index, width } => {
                let Some(range) = range(index, width).filter(|range| range.end <= last.size) else {
                    return Ok(None);
                };
                let entries = self.store.entries(range.start, range.end).await?;
                let digests: Vec<B256> = entries.iter().map(|entry| entry.digest).collect();
                Ok(Some(tile::bundle(&digests)))
            }
        }
    }

    async fn check_size(&self, size: u64) -> Result<()> {
        let have = self.size().await?;
        if size > have {
            Err(Error::OutOfRange {
                asked: size,
                size: have,
            })
        } else {
            Ok(())
        }
    }

    async fn path(&self, elements: &[Vec<Node>], size: u64) -> Result<Vec<B256>> {
        let mut reader = Reader::new(self, size);
        let mut path = Vec::with_capacity(elements.len());
        for nodes in elements {
            let hashes = reader.hashes(nodes).await?;
            path.push(merkle::fold(&hashes).ok_or_else(|| Error::corrupt("log", "empty range"))?);
        }
        Ok(path)
    }
}

/// Reads hashes of the tree of the first `size` entries, each tile once.
struct Reader<'a> {
    log: &'a Log,
    size: u64,
    tiles: HashMap<TileId, Vec<B256>>,
}

impl<'a> Reader<'a> {
    fn new(log: &'a Log, size: u64) -> Self {
        Self {
            log,
            size,
            tiles: HashMap::new(),
        }
    }

    async fn hashes(&mut self, nodes: &[Node]) -> Result<Vec<B256>> {
        let mut hashes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let (id, range) = TileId::of(*node);
            if !self.tiles.contains_key(&id) {
                let tile = self.tile(id).await?;
                self.tiles.insert(id, tile);
            }
            let part = self.tiles.get(&id).and_then(|tile| tile.get(range));
            hashes.push(tile::subtree(part.ok_or_else(|| short(id))?));
        }
        Ok(hashes)
    }

    /// The tile as the tree of `size` entries has it.
    async fn tile(&self, id: TileId) -> Result<Vec<B256>> {
        read_tile(self.log.store.as_ref(), id, id.width(self.size)).await
    }
}

fn short(id: TileId) -> Error {
    Error::corrupt(
        "log",
        format!("tile {} of level {} is short", id.index, id.level),
    )
}

/// The first `width` hashes of a tile. A partial tile of level 0 is made from its entries.
async fn read_tile(store: &dyn LogStore, id: TileId, width: u64) -> Result<Vec<B256>> {
    let mut hashes = match store.tile(id).await? {
        Some(hashes) => hashes,
        None if id.level == 0 && width > 0 => {
            let from = id.index * tile::WIDTH;
            let entries = store.entries(from, from + width).await?;
            entries
                .iter()
                .map(|entry| leaf_hash(entry.digest.as_slice()))
                .collect()
        }
        None => Vec::new(),
    };
    if (hashes.len() as u64) < width {
        return Err(short(id));
    }
    hashes.truncate(width as usize);
    Ok(hashes)
}

async fn load_edge(store: &dyn LogStore) -> Result<Edge> {
    let size = store.size().await?;
    let mut levels = Vec::new();
    for level in 0..Edge::levels_of(size) {
        let index = (size >> (8 * u32::from(level))) / tile::WIDTH;
        let width = Edge::partial_width(size, level);
        levels.push(read_tile(store, TileId { level, index }, width).await?);
    }
    Edge::new(size, levels)
}
