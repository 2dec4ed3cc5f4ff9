//! The journal: why the database is only a cache.
//!
//! Every batch that changes durable documents is first sealed under a key of the institution and
//! put into the vault, pinned, as one blob; only then does it reach the database. Whoever holds the
//! institution's keys finds the blobs among the vault's pins (the key commitment in the header of
//! a sealed file tells at once which are ours), opens them and replays them in order: that is
//! `stele rebuild`.
//!
//! ```text
//! apply(batch) ──► seal(number, batch) ──► vault: put and pin ──► database: batch + head, atomically
//!                                               │                        │
//!                        crash here: a blob that no head names;    crash here: done
//!                        replaced by the next one of its number
//! ```
//!
//! A blob holds either the writes of one batch or a snapshot of everything. After a snapshot the
//! blobs before it are unpinned and collected: that is how envelopes of an erased record leave the
//! journal too.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use rand_core::UnwrapErr;
use seal::PartKey;
use seal::file::HEADER_LEN;
use serde::{Deserialize, Serialize};
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify};
use vault::Vault;

use crate::blobs;
use crate::error::Result;
use crate::store::{
    Batch, Document, Documents, Expect, Held, Kind, Query, Row, Store, StoreError, Write,
};

/// Batches after which a snapshot replaces the blobs before it.
const SNAPSHOT_EVERY: u64 = 4096;
/// How often a page is tried again when another process takes its number.
const ATTEMPTS: usize = 64;
/// The head's id; it sorts after every page's.
const HEAD: &str = "head";
/// The largest journal blob that is read back, bytes.
const BLOB_LIMIT: u64 = 1 << 30;

/// What one blob says.
#[derive(Debug, Serialize, Deserialize)]
enum Page {
    /// The writes of one batch.
    Batch { number: u64, at: u64, batch: Batch },
    /// Every durable document, as it was after batch `number`.
    Snapshot {
        number: u64,
        at: u64,
        rows: Vec<Row>,
    },
}

impl Page {
    /// Order of replay: by number; of two with one number the later one stands, since the earlier
    /// one belongs to a batch that never reached the database.
    fn place(&self) -> (u64, u64) {
        match self {
            Self::Batch { number, at, .. } | Self::Snapshot { number, at, .. } => (*number, *at),
        }
    }
}

/// The last page that the database knows.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    number: u64,
    /// The number of the snapshot before it; 0 for none.
    snapshot: u64,
}

impl Document for Head {
    const KIND: Kind = Kind::Journal;
    fn id(&self) -> String {
        HEAD.to_owned()
    }
}

/// Where a page is, so that a snapshot can forget it.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    number: u64,
    cid: Cid,
}

impl Document for Place {
    const KIND: Kind = Kind::Journal;
    fn id(&self) -> String {
        format!("{:016x}", self.number)
    }
}

/// What a rebuild found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Blobs among the pins that are pages of this journal.
    pub pages: u64,
    /// Batches replayed.
    pub batches: u64,
    /// Documents in the database afterwards.
    pub documents: u64,
}

/// A [`Store`] that writes durable changes to the vault first.
pub struct Journaled {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    key: PartKey,
    clock: crate::Clock,
    // One writer at a time: pages are numbered.
    writing: Mutex<()>,
    // Rung when a notice was written.
    news: Notify,
}

impl Journaled {
    /// A journal over `store`, kept in `vault` under `key`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<dyn Vault>,
        key: PartKey,
        clock: crate::Clock,
    ) -> Self {
        Self {
            store,
            vault,
            key,
            clock,
            writing: Mutex::new(()),
            news: Notify::new(),
        }
    }

    /// Ends when this process writes the next notice. What was written before it was asked for does
    /// not end it: ask first, look then.
    pub fn news(&self) -> Notified<'_> {
        self.news.notified()
    }

    /// Apply a batch; the CID of its page, if it changed anything durable.
    ///
    /// # Errors
    /// If the vault or the database refuses. Nothing was changed then.
    pub async fn write(&self, batch: &Batch) -> Result<Option<Cid>> {
        let written = self.write_all(batch).await?;
        if batch.0.iter().any(|w| w.kind() == Kind::Notice) {
            self.news.notify_waiters();
        }
        Ok(written)
    }

    async fn write_all(&self, batch: &Batch) -> Result<Option<Cid>> {
        let durable: Vec<Write> = batch
            .0
            .iter()
            .filter(|w| w.kind().durable())
            .cloned()
            .collect();
        if durable.is_empty() {
            self.store.apply(batch).await?;
            return Ok(None);
        }
        let durable = Batch(durable);
        let _one_writer = self.writing.lock().await;
        for _ in 0..ATTEMPTS {
            match self.write_page(batch, &durable).await {
                // Another process took this page's number: take the next one.
                Err(crate::Error::Store(StoreError::Conflict { kind, .. }))
                    if kind == Kind::Journal.name() => {}
                other => return other.map(Some),
            }
        }
        Err(StoreError::Unavailable("too many processes write at once".to_owned()).into())
    }

    async fn write_page(&self, batch: &Batch, durable: &Batch) -> Result<Cid> {
        let held = self.store.load::<Head>(HEAD).await?;
        let (version, mut head) =
            held.map_or((None, Head::default()), |h| (Some(h.version), h.document));
        head.number += 1;
        let number = head.number;
        let page = Page::Batch {
            number,
            at: (self.clock)(),
            batch: durable.clone(),
        };
        let cid = self.put(&page).await?;
        let mut all = batch.clone();
        all.put(&Place { number, cid })?;
        match version {
            Some(version) => all.replace(&Held {
                version,
                document: head,
            })?,
            None => all.create(&head)?,
        }
        if let Err(refused) = self.store.apply(&all).await {
            // The page says what did not happen. Should this fail too, the next page of the same
            // number takes its place on replay.
            if let Err(error) = blobs::forget(self.vault.as_ref(), &cid).await {
                tracing::warn!(%error, "a journal page without a batch could not be removed");
            }
            return Err(refused.into());
        }
        Ok(cid)
    }

    async fn put(&self, page: &Page) -> Result<Cid> {
        self.put_encoded(&encode(page)?).await
    }

    async fn put_encoded(&self, plain: &[u8]) -> Result<Cid> {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let sealed = seal::file::seal(plain, &self.key, &mut rng);
        blobs::keep(self.vault.as_ref(), Bytes::from(sealed)).await
    }

    /// Whether enough pages have gathered for a snapshot.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn wants_snapshot(&self) -> Result<bool> {
        let head = self.store.load::<Head>(HEAD).await?;
        Ok(head.is_some_and(|h| h.document.number - h.document.snapshot > SNAPSHOT_EVERY))
    }

    /// Write everything durable as one page, and forget the pages before it.
    ///
    /// # Errors
    /// If the vault or the database refuses; the journal is whole then as before.
    pub async fn snapshot(&self) -> Result<Option<Cid>> {
        let _one_writer = self.writing.lock().await;
        let Some(mut head) = self.store.load::<Head>(HEAD).await? else {
            return Ok(None);
        };
        let number = head.document.number;
        let rows = self.everything().await?;
        let plain = encode(&Page::Snapshot {
            number,
            at: (self.clock)(),
            rows,
        })?;
        // A page that could not be read back must never replace those that can.
        if plain.len() as u64 > BLOB_LIMIT / 2 {
            let bytes = plain.len();
            tracing::warn!(
                bytes,
                "everything is too much for one page; the journal stays long"
            );
            return Ok(None);
        }
        let cid = self.put_encoded(&plain).await?;
        let old = self.places().await?;
        head.document.snapshot = number;
        let mut batch = Batch::new();
        batch.replace(&head)?;
        old.iter()
            .for_each(|place| batch.delete::<Place>(place.id()));
        batch.put(&Place { number, cid })?;
        self.store.apply(&batch).await?;
        for place in old.iter().filter(|place| place.cid != cid) {
            blobs::forget(self.vault.as_ref(), &place.cid).await?;
        }
        Ok(Some(cid))
    }

    /// The blobs that the database knows as pages.
    pub(crate) async fn pages(&self) -> Result<Vec<Cid>> {
        Ok(self
            .places()
            .await?
            .into_iter()
            .map(|place| place.cid)
            .collect())
    }

    async fn places(&self) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        let mut query = Query::of(Kind::Journal);
        loop {
            let rows = self.store.list(&query).await?;
            let Some(last) = rows.last() else {
                return Ok(places);
            };
            query = query.after(last.id.clone());
            let pages = rows.into_iter().filter(|row| row.id != HEAD);
            for held in pages.map(crate::store::decode::<Place>) {
                places.push(held?.document);
            }
        }
    }

    async fn everything(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|k| k.durable()) {
            let mut query = Query::of(kind);
            loop {
                let page = self.store.list(&query).await?;
                let Some(last) = page.last() else { break };
                query = query.after(last.id.clone());
                rows.extend(page);
            }
        }
        Ok(rows)
    }

    /// Whether the vault holds pages of this journal.
    ///
    /// # Errors
    /// If the vault does not answer.
    pub async fn has_pages(&self) -> Result<bool> {
        for cid in blobs::kept(self.vault.as_ref()).await? {
            if self.page(&cid).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Restore an empty database from the pages among the vault's pins.
    ///
    /// # Errors
    /// If the vault or the database refuses, or a page is damaged.
    pub async fn rebuild(&self) -> Result<Rebuilt> {
        let _one_writer = self.writing.lock().await;
        let mut pages = Vec::new();
        for cid in blobs::kept(self.vault.as_ref()).await? {
            if let Some(page) = self.page(&cid).await? {
                pages.push((page.place(), cid, page));
            }
        }
        pages.sort_by_key(|(place, ..)| *place);
        let mut rebuilt = Rebuilt {
            pages: pages.len() as u64,
            ..Rebuilt::default()
        };
        let mut head = Head::default();
        for (index, (place, cid, page)) in pages.iter().enumerate() {
            let superseded = matches!(page, Page::Batch { .. })
                && pages
                    .get(index + 1)
                    .is_some_and(|(next, ..)| next.0 == place.0);
            if superseded {
                continue;
            }
            let mut batch = replay(page);
            head.number = place.0;
            if matches!(page, Page::Snapshot { .. }) {
                head.snapshot = place.0;
            }
            batch.put(&head)?;
            batch.put(&Place {
                number: place.0,
                cid: *cid,
            })?;
            self.store.apply(&batch).await?;
            rebuilt.batches += 1;
        }
        rebuilt.documents = self.everything().await?.len() as u64;
        Ok(rebuilt)
    }

    /// The page in blob `cid`, or nothing if it is no page of this journal.
    async fn page(&self, cid: &Cid) -> Result<Option<Page>> {
        let start = match blobs::start(self.vault.as_ref(), cid, HEADER_LEN).await {
            Ok(start) => start,
            // A pin whose blocks are lost is the repair job's matter.
            Err(error) => {
                tracing::warn!(%cid, %error, "a pinned blob cannot be read");
                return Ok(None);
            }
        };
        // The header commits to the key: most pins are others' and need not be read further.
        if seal::file::StreamOpener::new(start.as_slice(), &self.key).is_err() {
            return Ok(None);
        }
        let sealed = blobs::read(self.vault.as_ref(), cid, BLOB_LIMIT).await?;
        let plain = seal::file::open(&sealed, &self.key)?;
        serde_ipld_dagcbor::from_slice(&plain)
            .map(Some)
            .map_err(|e| {
                StoreError::Corrupt {
                    kind: Kind::Journal.name(),
                    reason: e.to_string(),
                }
                .into()
            })
    }
}

fn encode(page: &Page) -> Result<Vec<u8>> {
    serde_ipld_dagcbor::to_vec(page).map_err(|e| {
        StoreError::Corrupt {
            kind: Kind::Journal.name(),
            reason: e.to_string(),
        }
        .into()
    })
}

/// A page as writes that expect nothing: replaying is not racing.
fn replay(page: &Page) -> Batch {
    match page {
        Page::Batch { batch, .. } => Batch(
            batch
                .0
                .iter()
                .map(|write| match write {
                    Write::Put { row, .. } => Write::Put {
                        row: row.clone(),
                        expect: Expect::Any,
                    },
                    Write::Delete { .. } => write.clone(),
                })
                .collect(),
        ),
        Page::Snapshot { rows, .. } => Batch(
            rows.iter()
                .map(|row| Write::Put {
                    row: row.clone(),
                    expect: Expect::Any,
                })
                .collect(),
        ),
    }
}

#[async_trait]
impl Store for Journaled {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
        self.store.get(kind, id).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.store.list(query).await
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        self.write(batch)
            .await
            .map(|_| ())
            .map_err(|error| match error {
                crate::Error::Store(error) => error,
                other => StoreError::Unavailable(other.to_string()),
            })
    }
}
