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
//! A blob holds either the writes of one batch or a part of a snapshot of everything. After a snapshot
//! the blobs before it are unpinned and collected: that is how envelopes of an erased record leave the
//! journal too. A rebuild begins with the newest whole snapshot and reads nothing older, so that what
//! was left lying brings nothing back. Copies of the pages at other institutions: [`crate::pages`].

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use futures_util::TryStreamExt as _;
use rand_core::UnwrapErr;
use seal::PartKey;
use seal::file::HEADER_LEN;
use serde::{Deserialize, Serialize};
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify};
use vault::Vault;

use crate::model::document::{Batch, Document, Expect, Held, Kind, Query, Row, Write};
use crate::model::error::{Result, StoreError};
use crate::model::journal_page::{Found, Gone, HEAD, Head, PART_BYTES, Page, Place, Plan, encode};
use crate::model::search::Term;
use crate::ports::random::random;
use crate::ports::search::{Match, Matching, SearchIndex};
use crate::ports::store::{Documents, Store};
use crate::uses::blobs;

/// Batches after which a snapshot replaces the blobs before it.
pub(crate) const SNAPSHOT_EVERY: u64 = 4096;

/// How often a page is tried again when another process takes its number.
pub(crate) const ATTEMPTS: usize = 64;

/// The largest journal blob that is read back, bytes.
pub(crate) const BLOB_LIMIT: u64 = 1 << 30;

/// What a rebuild found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Blobs among the pins that are pages of this journal.
    pub pages: u64,
    /// Batches replayed.
    pub batches: u64,
    /// Documents in the database afterwards.
    pub documents: u64,
    /// Pages that could not be used, since one before them is missing everywhere.
    pub lost: u64,
}

/// A [`Store`] that writes durable changes to the vault first.
pub struct Journaled {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    key: PartKey,
    clock: crate::ports::clock::Clock,
    // One writer at a time: pages are numbered.
    writing: Mutex<()>,
    // Rung when a notice was written.
    news: Notify,
    spread: bool,
    part_bytes: usize,
}

impl Journaled {
    /// A journal over `store`, kept in `vault` under `key`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<dyn Vault>,
        key: PartKey,
        clock: crate::ports::clock::Clock,
    ) -> Self {
        Self {
            store,
            vault,
            key,
            clock,
            writing: Mutex::new(()),
            news: Notify::new(),
            spread: false,
            part_bytes: PART_BYTES,
        }
    }

    /// The same, whose pages are to be kept by other institutions as well.
    #[must_use]
    pub fn spread(mut self) -> Self {
        self.spread = true;
        self
    }

    /// The same with smaller parts of snapshots.
    #[must_use]
    pub fn parts_of(mut self, bytes: usize) -> Self {
        self.part_bytes = bytes;
        self
    }

    fn place(&self, number: u64, part: u32, cid: Cid) -> Place {
        Place {
            number,
            cid,
            part,
            lacking: self.spread,
            copies: Vec::new(),
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
                Err(crate::model::error::Error::Store(StoreError::Conflict { kind, .. }))
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
        all.put(&self.place(number, 0, cid))?;
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
        let mut rng = UnwrapErr(getrandom::SysRng);
        let sealed = seal::file::seal(&encode(page)?, &self.key, &mut rng);
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

    /// Write everything durable as a snapshot, and forget the pages before it; how many parts it has.
    ///
    /// # Errors
    /// If the vault or the database refuses; the journal is whole then as before.
    pub async fn snapshot(&self) -> Result<usize> {
        let _one_writer = self.writing.lock().await;
        let Some(mut head) = self.store.load::<Head>(HEAD).await? else {
            return Ok(0);
        };
        let number = head.document.number;
        let old = self.places().await?;
        let parts = self.put_everything(number).await?;
        head.document.snapshot = number;
        let mut batch = Batch::new();
        batch.replace(&head)?;
        for place in &old {
            batch.delete::<Place>(place.id());
            for holder in &place.copies {
                let (holder, cid) = (*holder, place.cid);
                batch.put(&Gone { holder, cid })?;
            }
        }
        for (part, cid) in (0..).zip(&parts) {
            batch.put(&self.place(number, part, *cid))?;
        }
        self.store.apply(&batch).await?;
        for place in old {
            blobs::forget(self.vault.as_ref(), &place.cid).await?;
        }
        Ok(parts.len())
    }

    /// Put every durable document into the vault, in parts.
    async fn put_everything(&self, number: u64) -> Result<Vec<Cid>> {
        let (id, at) = (random(), (self.clock)());
        let mut parts = Vec::new();
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let page = |part: usize, last: bool, rows: Vec<Row>| Page::Part {
            number,
            at,
            id,
            part: u32::try_from(part).unwrap_or(u32::MAX),
            last,
            rows,
        };
        for kind in Kind::ALL.into_iter().filter(|k| k.durable()) {
            let mut walk = self.store.rows(Query::of(kind));
            while let Some(row) = walk.try_next().await? {
                if bytes > 0 && bytes + row.body.len() > self.part_bytes {
                    let full = std::mem::take(&mut rows);
                    bytes = 0;
                    parts.push(self.put(&page(parts.len(), false, full)).await?);
                }
                bytes += row.body.len();
                rows.push(row);
            }
        }
        parts.push(self.put(&page(parts.len(), true, rows)).await?);
        Ok(parts)
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

    pub(crate) async fn places(&self) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        let mut rows = self.store.rows(Query::of(Kind::Journal));
        while let Some(row) = rows.try_next().await? {
            if row.id != HEAD && !row.id.starts_with(Gone::PREFIX) {
                places.push(crate::model::document::decode::<Place>(row)?.document);
            }
        }
        Ok(places)
    }

    async fn documents(&self) -> Result<u64> {
        let mut count = 0;
        for kind in Kind::ALL.into_iter().filter(|k| k.durable()) {
            count += self.store.count(&Query::of(kind)).await?;
        }
        Ok(count)
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

    /// Restore an empty database from the pages among the vault's pins. Where one is missing between
    /// others, nothing is restored; or, with `up_to_gap`, what comes before it.
    ///
    /// # Errors
    /// If the vault or the database refuses, or a page is damaged or missing.
    pub async fn rebuild(&self, up_to_gap: bool) -> Result<Rebuilt> {
        let _one_writer = self.writing.lock().await;
        let mut found = Vec::new();
        for cid in blobs::kept(self.vault.as_ref()).await? {
            if let Some(page) = self.page(&cid).await? {
                found.push(Found::of(cid, &page));
            }
        }
        let plan = Plan::of(&found);
        let mut rebuilt = Rebuilt {
            pages: found.len() as u64,
            ..Rebuilt::default()
        };
        if let Some((number, later)) = plan.gap {
            if !up_to_gap {
                let reason = format!("page {number} is missing; --from-peers may find it");
                let kind = Kind::Journal.name();
                return Err(StoreError::Corrupt { kind, reason }.into());
            }
            tracing::error!(number, later, "a journal page is lost, and those after it");
            rebuilt.lost = later;
        }
        let mut head = Head {
            number: plan.snapshot,
            snapshot: plan.snapshot,
        };
        for (part, cid) in (0..).zip(&plan.parts) {
            self.replay(cid, self.place(plan.snapshot, part, *cid), &head)
                .await?;
            rebuilt.batches += 1;
        }
        for (number, cid) in &plan.batches {
            head.number = *number;
            self.replay(cid, self.place(*number, 0, *cid), &head)
                .await?;
            rebuilt.batches += 1;
        }
        rebuilt.documents = self.documents().await?;
        Ok(rebuilt)
    }

    async fn replay(&self, cid: &Cid, place: Place, head: &Head) -> Result<()> {
        let page = self.page(cid).await?;
        let page = page.ok_or(crate::model::error::Error::NotFound("journal page"))?;
        let mut batch = replay(page);
        batch.put(head)?;
        batch.put(&place)?;
        self.store.apply(&batch).await?;
        Ok(())
    }

    /// Whether these sealed bytes are a page of this journal.
    pub(crate) fn is_page(&self, sealed: &[u8]) -> bool {
        seal::file::open(sealed, &self.key).is_ok()
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

/// A page as writes that expect nothing: replaying is not racing.
pub(crate) fn replay(page: Page) -> Batch {
    let put = |row: Row| Write::Put {
        row,
        expect: Expect::Any,
    };
    match page {
        Page::Batch { batch, .. } => Batch(
            batch
                .0
                .into_iter()
                .map(|write| match write {
                    Write::Put { row, .. } => put(row),
                    Write::Delete { .. } => write,
                })
                .collect(),
        ),
        Page::Snapshot { rows, .. } | Page::Part { rows, .. } => {
            Batch(rows.into_iter().map(put).collect())
        }
    }
}

#[async_trait]
impl SearchIndex for Journaled {
    async fn matching(&self, matching: &Matching) -> Result<Vec<Match>, StoreError> {
        self.store.matching(matching).await
    }

    async fn occurrences(&self, kind: Kind, term: &Term, cap: u32) -> Result<u64, StoreError> {
        self.store.occurrences(kind, term, cap).await
    }

    async fn words_like(&self, kind: Kind, variants: &[String]) -> Result<Vec<String>, StoreError> {
        self.store.words_like(kind, variants).await
    }
}

#[async_trait]
impl Store for Journaled {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Row>, StoreError> {
        self.store.get(kind, id).await
    }

    async fn get_several(&self, kind: Kind, ids: &[String]) -> Result<Vec<Row>, StoreError> {
        self.store.get_several(kind, ids).await
    }

    async fn list(&self, query: &Query, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.store.list(query, limit).await
    }

    async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.store.count(query).await
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        self.write(batch)
            .await
            .map(|_| ())
            .map_err(|error| match error {
                crate::model::error::Error::Store(error) => error,
                other => StoreError::Unavailable(other.to_string()),
            })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::model::journal_page::FoundKind;

    fn found(name: u8, number: u64, kind: FoundKind) -> Found {
        let digest = Sha256::digest([name]);
        let hash = cid::multihash::Multihash::wrap(0x12, &digest).unwrap();
        Found {
            cid: Cid::new_v1(0x55, hash),
            number,
            at: u64::from(name),
            kind,
        }
    }

    fn part(name: u8, number: u64, id: u8, part: u32, last: bool) -> Found {
        let id = B256::repeat_byte(id);
        let mut found = found(name, number, FoundKind::Snapshot { id, part, last });
        found.at = u64::from(id[0]);
        found
    }

    #[test]
    fn a_plan_begins_with_the_newest_whole_snapshot_and_has_no_gaps() {
        let batch = |name, number| found(name, number, FoundKind::Batch);
        let cid = |found: &Found| found.cid;
        // No snapshot; of two pages with one number the later one.
        let pages = [batch(1, 1), batch(9, 2), batch(2, 2), batch(3, 3)];
        let plan = Plan::of(&pages);
        let expected = [
            (1, cid(&pages[0])),
            (2, cid(&pages[1])),
            (3, cid(&pages[3])),
        ];
        assert_eq!(plan.batches, expected);
        assert_eq!((plan.snapshot, plan.gap), (0, None));

        // A whole snapshot after 2, half a one after 3; what is older counts no more.
        let pages = [
            batch(1, 1),
            part(11, 2, 40, 1, true),
            part(10, 2, 40, 0, false),
            batch(3, 3),
            part(12, 3, 50, 0, false),
            batch(4, 4),
        ];
        let plan = Plan::of(&pages);
        assert_eq!(plan.snapshot, 2);
        assert_eq!(plan.parts, [cid(&pages[2]), cid(&pages[1])]);
        assert_eq!(plan.batches, [(3, cid(&pages[3])), (4, cid(&pages[5]))]);
        assert_eq!(plan.gap, None);

        // A page that is missing ends the plan.
        let pages = [batch(1, 1), batch(3, 3), batch(4, 4)];
        let plan = Plan::of(&pages);
        assert_eq!(plan.batches, [(1, cid(&pages[0]))]);
        assert_eq!(plan.gap, Some((2, 2)));
        assert_eq!(Plan::of(&[batch(2, 2)]).gap, Some((1, 1)));
        assert!(Plan::of(&[]).batches.is_empty());
    }
}
